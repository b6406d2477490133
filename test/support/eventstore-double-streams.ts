/** An event as the double keeps it. */
export interface StoredRecord {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface NumberedRecord extends StoredRecord {
  readonly revision: number;
}

export interface AppendRequest {
  readonly stream: string;
  /** -1 for "no stream". */
  readonly expected: number | 'any';
  readonly events: readonly StoredRecord[];
}

/** `conflict` holds the head, -1 for a stream that is not there. */
export type AppendOutcome = { readonly last: number } | { readonly conflict: number };

/** Streams in memory, by the server's rules for expected revisions, repeated appends and truncation. */
export class StreamStore {
  readonly #streams = new Map<string, StoredRecord[]>();
  readonly #deleted = new Set<string>();
  #wake: () => void = () => undefined;
  #appended = this.#arm();

  append({ stream, expected, events }: AppendRequest): AppendOutcome | 'deleted' {
    if (this.#deleted.has(stream)) return 'deleted';
    const there = this.#streams.get(stream) ?? [];
    const head = there.length - 1;
    if (expected !== 'any' && head !== expected) {
      const isRepeated =
        head > expected && events.every(({ id }, index) => there[expected + 1 + index]?.id === id);
      return isRepeated ? { last: expected + events.length } : { conflict: head };
    }
    this.#streams.set(stream, [...there, ...events]);
    this.#wake();
    this.#appended = this.#arm();
    return { last: head + events.length };
  }

  head(stream: string): number {
    return (this.#streams.get(stream)?.length ?? 0) - 1;
  }

  read(request: {
    readonly stream: string;
    readonly from: number | 'end';
    readonly count: number;
    readonly isBackwards: boolean;
  }): NumberedRecord[] | 'not-found' {
    const there = this.#streams.get(request.stream);
    if (there === undefined) return 'not-found';
    const first = this.#truncatedBefore(request.stream);
    const kept = there.map((record, revision) => ({ ...record, revision })).slice(first);
    if (request.isBackwards) return kept.reverse().slice(0, request.count);
    const from = request.from === 'end' ? there.length : request.from;
    return kept.slice(Math.max(0, from - first)).slice(0, request.count);
  }

  tombstone(stream: string): boolean {
    if (this.#deleted.has(stream)) return false;
    this.#deleted.add(stream);
    this.#streams.delete(stream);
    return true;
  }

  isDeleted(stream: string): boolean {
    return this.#deleted.has(stream);
  }

  /** Settles at the next append to any stream. */
  nextAppend(): Promise<void> {
    return this.#appended;
  }

  #truncatedBefore(stream: string): number {
    const metadata = this.#streams.get(`$$${stream}`)?.at(-1);
    if (metadata === undefined) return 0;
    const { $tb } = JSON.parse(Buffer.from(metadata.data).toString('utf8'));
    return typeof $tb === 'number' ? $tb : 0;
  }

  #arm(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

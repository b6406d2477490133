import { addHistograms, emptyHistogram, Histogram, type HistogramCounts } from './histogram.js';

/** What an upstream's time is spent on. */
export const upstreamPhases = ['connect', 'first_byte', 'body'] as const;
export type UpstreamPhase = (typeof upstreamPhases)[number];

/** Requests by their answers: of 1xx, 2xx, 3xx, 4xx and 5xx. */
export type StatusClassCounts = readonly number[];

export interface RequestCounts {
  /** By the API's name; a list, as it goes from process to process in JSON. */
  readonly byApi: readonly (readonly [api: string, counts: StatusClassCounts])[];
  readonly upstream: Readonly<Record<UpstreamPhase, HistogramCounts>>;
}

export const noRequests: RequestCounts = {
  byApi: [],
  upstream: { connect: emptyHistogram, first_byte: emptyHistogram, body: emptyHistogram },
};

/** No API's name, as these can't hold parentheses. */
export const noApi = '(none)';
export const otherApis = '(other)';
/**
 * How many APIs each worker counts by name: those that were asked for first, since a series must never
 * go back. A node may have 100,000 of them, and every one would be five series.
 */
const maxApis = 100;

/** Counts the requests of one worker. */
export class RequestMeter {
  readonly #byApi = new Map<string, number[]>();
  readonly #upstream = {
    connect: new Histogram(),
    first_byte: new Histogram(),
    body: new Histogram(),
  };

  /** A request has ended. */
  answered(api: string | undefined, status: number): void {
    const counts = this.#countsOf(api ?? noApi);
    const statusClass = Math.floor(status / 100) - 1;
    const count = counts[statusClass];
    // A connection that was cut without an answer has no status.
    if (count !== undefined) counts[statusClass] = count + 1;
  }

  upstreamTook(phase: UpstreamPhase, ms: number): void {
    this.#upstream[phase].observe(ms / 1000);
  }

  read(): RequestCounts {
    const { connect, first_byte, body } = this.#upstream;
    return {
      byApi: [...this.#byApi].map(([api, counts]) => [api, [...counts]]),
      upstream: { connect: connect.read(), first_byte: first_byte.read(), body: body.read() },
    };
  }

  #countsOf(api: string): number[] {
    const known = this.#byApi.get(api);
    if (known !== undefined) return known;
    const name = this.#byApi.size < maxApis ? api : otherApis;
    const counts = this.#byApi.get(name) ?? [0, 0, 0, 0, 0];
    this.#byApi.set(name, counts);
    return counts;
  }
}

export function addRequestCounts(one: RequestCounts, other: RequestCounts): RequestCounts {
  const byApi = new Map(one.byApi);
  for (const [api, counts] of other.byApi) {
    const before = byApi.get(api);
    byApi.set(api, before ? counts.map((count, index) => count + (before[index] ?? 0)) : counts);
  }
  const add = (phase: UpstreamPhase) => addHistograms(one.upstream[phase], other.upstream[phase]);
  return {
    byApi: [...byApi],
    upstream: { connect: add('connect'), first_byte: add('first_byte'), body: add('body') },
  };
}

/** One request, once it has ended. Holds no query string and no field: either may carry secrets. */
export interface AccessEntry {
  /** Address of the peer. */
  readonly client: string;
  readonly scheme: 'http' | 'https';
  /** Empty where the head could not be read. */
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** 499 where the client went away before it was answered. */
  readonly status: number;
  readonly durationMs: number;
  /** The API's name, if one was found. */
  readonly api: string | undefined;
  /** As the upstream and the client were told it; nothing in it needs quoting. */
  readonly requestId: string;
  /** W3C Trace Context, if the client sent one: hexadecimal. */
  readonly traceId: string | undefined;
}

/** Where a worker's requests are recorded. Called on the hot path: it must not block and never throws. */
export interface AccessLog {
  record(entry: AccessEntry): void;
}

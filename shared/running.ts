import type { ListenAddress } from './listen-address.js';

/** A listener that is up, with the port that the system chose where 0 was asked for. */
export interface Listening {
  readonly what: 'proxy' | 'proxyTls' | 'admin' | 'nodeStream' | 'nodeStatus';
  readonly address: ListenAddress;
}

/** What a composition root hands back once everything it started is up. */
export interface RunningRole {
  readonly listening: readonly Listening[];
  /**
   * Stops taking new work, lets what is under way end (at most `drain_timeout_ms`), closes everything.
   * Called once.
   */
  close(): Promise<void>;
}

export interface RunningControlPlane extends RunningRole {
  /** A fresh single-use token with which a node joins. */
  issueJoinToken(): Promise<string>;
  /** The admin API's first token, if this start made it. Shown to whoever started it, then forgotten. */
  readonly firstAdminToken: string | undefined;
}

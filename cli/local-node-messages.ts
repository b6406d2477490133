import type { LogLevel, Settings } from '../shared/config-schema.js';
import type { Listening } from '../shared/running.js';

/** First message to a forked data-plane process: its whole configuration. It reads no other source. */
export interface RunMessage {
  readonly kind: 'run';
  readonly settings: Settings;
}

/** Sent once by the child. */
export type NodeReport =
  | { readonly kind: 'running'; readonly listening: readonly Listening[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Parent → its node, at any time after `run`. */
export interface LogLevelMessage {
  readonly kind: 'log-level';
  readonly level: LogLevel;
}

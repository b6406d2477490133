import type { LogLevelMessage, NodeReport, RunMessage } from './local-node-messages.js';

/** What the forking thread is told. */
export type ForkerOrder =
  | { readonly kind: 'fork'; readonly environment: NodeJS.ProcessEnv }
  | { readonly kind: 'send'; readonly message: RunMessage | LogLevelMessage }
  | { readonly kind: 'kill'; readonly signal: 'SIGTERM' | 'SIGKILL' };

/** What it tells: first which thread it is, then how its child fares. */
export type ForkerReport =
  | { readonly kind: 'up'; readonly thread: number }
  | { readonly kind: 'said'; readonly report: NodeReport }
  | { readonly kind: 'ended'; readonly how: string };

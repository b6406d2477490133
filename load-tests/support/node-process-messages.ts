import type { ServingSettings } from '../../data-plane/serving/messages.js';
import type { ServingStats } from '../../data-plane/serving/serving-stats.js';
import type { ServedCertificate } from '../../shared/snapshot.js';

export interface HostBinding {
  /** Names the API and its plugin. */
  readonly n: number;
  readonly host: string;
  readonly certificate: ServedCertificate;
}

/** To a node process; each is answered by the reply with its id. */
export type NodeRequest =
  | { readonly kind: 'start'; readonly settings: Partial<ServingSettings>; processes: number }
  /** One revision; answered when every worker serves it. */
  | { readonly kind: 'bind'; readonly bindings: readonly HostBinding[] }
  | { readonly kind: 'restart-workers' }
  | { readonly kind: 'stats' };

export interface NodeState {
  readonly httpsPort: number;
  /** Processes that serve now. */
  readonly servingPids: readonly number[];
  readonly stats: ServingStats | undefined;
}

export type NodeReply =
  | { readonly id: number; readonly state: NodeState }
  | { readonly id: number; readonly failure: string };

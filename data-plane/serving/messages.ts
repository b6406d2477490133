import type { LogLevel } from '../../shared/config-schema.js';
import type { ListenAddress } from '../../shared/listen-address.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AccessLogSettings } from '../access-log/file-access-log.js';
import type { CipherPolicy } from '../listener/cipher-policy.js';
import type { KeyPair } from '../listener/default-certificate.js';
import type { AppDescriptor } from '../listener/engine.js';
import type { ProxyLimits } from '../proxy/proxy-limits.js';
import type { AppliedChanges } from '../store/node-store.js';
import type { ServingStats } from './serving-stats.js';
import type { WorkerPort } from './worker-channel.js';

/** What requests are answered with, as far as it can be told to another thread. */
export interface GatewaySettings {
  /** `signet/<version>`. */
  readonly product: string;
  readonly limits: Partial<ProxyLimits>;
  readonly verifyUpstreamTls: boolean;
  /** Addresses and networks whose `X-Forwarded-*` is believed; empty: everybody's, as in Kong. */
  readonly trustedIps: readonly string[];
  /** Whether requests for another API than the connection was made for are refused (421). */
  readonly refuseMisdirected: boolean;
  /** Where redirects to HTTPS lead; absent: to the TLS listener's own port. */
  readonly httpsRedirectPort?: number;
  /** Absent: no access log. */
  readonly accessLog?: AccessLogSettings;
}

/** Everything a serving process needs to know, for as long as it lives. */
export interface ServingSettings {
  /** Where the node's store and its key lie. */
  readonly dataDirectory: string;
  /** Both with the port that clients see, never 0. */
  readonly http: ListenAddress;
  readonly https: ListenAddress;
  /** Other processes of the node listen on the same ports. */
  readonly isSharingPorts: boolean;
  readonly workers: number;
  readonly defaultCertificate: KeyPair;
  readonly cipherPolicy: CipherPolicy;
  readonly unknownServerName: 'default' | 'refuse';
  /** Private to this process: a directory of mode 0700 with a short path. */
  readonly socketDirectory: string;
  /** How long requests under way may take when a worker or the process ends. */
  readonly drainTimeoutMs: number;
  /** TLS contexts of one worker's current generation. */
  readonly contextBudget: number;
  /** Connections of one worker; absent: as many as its share of open files allows. */
  readonly maxConnections?: number;
  readonly gateway: GatewaySettings;
  readonly logLevel: LogLevel;
  /** Certificates that a process of the node could not load. */
  readonly rejected: readonly RejectedEntry[];
}

/** Supervisor → serving process. `start` comes first and once. */
export type ServingCommand =
  | { readonly kind: 'start'; readonly settings: ServingSettings }
  | { readonly kind: 'apply'; readonly id: number; readonly changes: AppliedChanges }
  | { readonly kind: 'stats'; readonly id: number }
  /** Replaces every worker by a fresh one, one after the other. */
  | { readonly kind: 'restart-workers'; readonly id: number }
  | { readonly kind: 'log-level'; readonly level: LogLevel }
  /** Takes no new connections, lets requests end, ends. */
  | { readonly kind: 'drain' };

/** Serving process → supervisor. */
export type ServingReport =
  | { readonly kind: 'ready' }
  /** The process can't serve with these settings, and ends. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'applied'; readonly id: number; readonly rejections: readonly RejectedEntry[] }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: ServingStats }
  | { readonly kind: 'workers-restarted'; readonly id: number };

/** Serving main → worker, over the port it was started with. Handled in order. */
export type WorkerCommand =
  | { readonly kind: 'apply'; readonly id: number; readonly changes: AppliedChanges }
  | { readonly kind: 'reject'; readonly rejections: readonly RejectedEntry[] }
  | { readonly kind: 'stats'; readonly id: number }
  | { readonly kind: 'log-level'; readonly level: LogLevel }
  | { readonly kind: 'swapped' }
  /** It gets no connections any more: drain, close everything, say so. */
  | { readonly kind: 'retire' };

/** Worker → serving main. */
export type WorkerReport =
  | { readonly kind: 'ready'; readonly http: AppDescriptor; readonly https: AppDescriptor }
  | { readonly kind: 'swap'; readonly add: AppDescriptor; readonly remove: AppDescriptor }
  | { readonly kind: 'applied'; readonly id: number; readonly rejections: readonly RejectedEntry[] }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: ServingStats }
  /** It goes on, but another should take its place. */
  | { readonly kind: 'replace-me'; readonly reason: string }
  | { readonly kind: 'closed'; readonly stats: ServingStats };

/** What a worker thread is started with. */
export interface WorkerTask {
  readonly settings: ServingSettings;
  readonly index: number;
  /** Never used again in the process: names the worker's sockets. */
  readonly name: string;
  readonly port: WorkerPort<WorkerReport, WorkerCommand>;
}

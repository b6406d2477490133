import { Map as ImmutableMap, OrderedMap } from 'immutable';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  ClusterNode,
  KeyId,
  NodeId,
  NodeRejection,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import { PersistentMap } from './persistent-map.js';
import { PersistentRelation } from './persistent-relation.js';

/**
 * Why a key lost its last use: `deleted` keys are erased at once, `replaced` ones after a while, so that
 * a rotation can be rolled back.
 */
export interface UnusedKey {
  readonly keyId: KeyId;
  readonly cause: 'deleted' | 'replaced';
}

/** A write that carried an `Idempotency-Key`; its answer is rebuilt from its events. */
export interface IdempotentWrite {
  /** SHA-256 of the request, see `Idempotency.request`. */
  readonly request: string;
  readonly first: Revision;
  readonly last: Revision;
}

export interface ServedByNode {
  readonly revision: Revision;
  readonly rejections: readonly NodeRejection[];
}

/** So many idempotent writes are remembered, the latest ones. */
export const maxIdempotentWrites = 10_000;

/**
 * The whole configuration at one revision. Persistent maps: a fork for a dry run, a state of the past
 * and a difference of two states cost nothing to hold and share all that is equal.
 */
export interface GatewayState {
  readonly logId: string | undefined;
  readonly apis: PersistentMap<ApiId, Api>;
  readonly apiIdByName: PersistentMap<string, ApiId>;
  /** By `request_host` in lower case: two spellings would be one SNI (RFC 4343). */
  readonly apiIdByHost: PersistentMap<string, ApiId>;
  readonly apiIdByPath: PersistentMap<string, ApiId>;
  readonly plugins: PersistentMap<PluginId, SslPlugin>;
  /** The ssl plugin of an API, or under `all` the one without an API. */
  readonly pluginIdByScope: PersistentMap<ApiId | 'all', PluginId>;
  readonly certificates: PersistentMap<CertificateId, Certificate>;
  /** Certificates that at least one plugin uses. */
  readonly usesByCertificate: PersistentRelation<CertificateId, PluginId>;
  /** By fingerprint of the leaf: an upload that is already stored is found and used again. */
  readonly certificateIdsByLeaf: PersistentRelation<string, CertificateId>;
  /** Certificates without a use whose key is still in the vault: their keys are to be erased. */
  readonly keysToErase: PersistentMap<CertificateId, UnusedKey>;
  /** The cluster's nodes: those that were let in and not revoked since. */
  readonly nodes: ImmutableMap<NodeId, ClusterNode>;
  /** What each node was last recorded to serve; empty where one control plane feeds them all. */
  readonly servedByNode: ImmutableMap<NodeId, ServedByNode>;
  /** Revision of the last event that changed the API or plugin: its entity tag. */
  readonly changedAt: PersistentMap<ApiId | PluginId, Revision>;
  /** By idempotency key, oldest first, at most `maxIdempotentWrites`. */
  readonly idempotentWrites: OrderedMap<string, IdempotentWrite>;
}

export const initialState: GatewayState = {
  logId: undefined,
  apis: new PersistentMap(),
  apiIdByName: new PersistentMap(),
  apiIdByHost: new PersistentMap(),
  apiIdByPath: new PersistentMap(),
  plugins: new PersistentMap(),
  pluginIdByScope: new PersistentMap(),
  certificates: new PersistentMap(),
  usesByCertificate: PersistentRelation.of(),
  certificateIdsByLeaf: PersistentRelation.of(),
  keysToErase: new PersistentMap(),
  nodes: ImmutableMap(),
  servedByNode: ImmutableMap(),
  changedAt: new PersistentMap(),
  idempotentWrites: OrderedMap(),
};

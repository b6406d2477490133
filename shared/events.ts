import type { Brand } from './brand.js';
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
} from './gateway-model.js';
import type { Revision } from './revision.js';

/** UUID v4, lower case; fixed before the first append, so that a retry is recognised. */
export type EventId = Brand<string, 'EventId'>;

/** First event of every log (revision 0): tells one log from another after a restore. */
export interface LogCreated {
  readonly type: 'LogCreated';
  readonly data: { readonly logId: string };
}
export interface ApiAdded {
  readonly type: 'ApiAdded';
  readonly data: { readonly api: Api };
}
/** Carries the whole API after the change. */
export interface ApiUpdated {
  readonly type: 'ApiUpdated';
  readonly data: { readonly api: Api };
}
export interface ApiDeleted {
  readonly type: 'ApiDeleted';
  readonly data: { readonly apiId: ApiId };
}
export interface PluginAdded {
  readonly type: 'PluginAdded';
  readonly data: { readonly plugin: SslPlugin };
}
/** Carries the whole plugin after the change. */
export interface PluginUpdated {
  readonly type: 'PluginUpdated';
  readonly data: { readonly plugin: SslPlugin };
}
export interface PluginDeleted {
  readonly type: 'PluginDeleted';
  readonly data: { readonly pluginId: PluginId };
}
/** Appended together with the plugin event that uses it. */
export interface CertUploaded {
  readonly type: 'CertUploaded';
  readonly data: { readonly certificate: Certificate };
}
/**
 * The key of a certificate that no plugin uses any more is gone for good: from this revision on no
 * plugin can bind the certificate again, and the vault's copy is erased at once (a crash in between is
 * made good at the next start). Recorded first, because erasing first would race another control
 * plane that binds the certificate anew at the same moment.
 */
export interface KeyErased {
  readonly type: 'KeyErased';
  readonly data: { readonly certificateId: CertificateId; readonly keyId: KeyId };
}

/** A node was let into the cluster and got its certificate. */
export interface NodeAdmitted {
  readonly type: 'NodeAdmitted';
  readonly data: { readonly node: ClusterNode };
}
/** A node is out for good: no control plane talks to it any more. */
export interface NodeRevoked {
  readonly type: 'NodeRevoked';
  readonly data: { readonly nodeId: NodeId };
}

/**
 * Nodes proved to serve a revision, but for what they rejected. Written where several control planes
 * share the log, so that each knows of the nodes that the others feed.
 */
export interface RevisionServed {
  readonly type: 'RevisionServed';
  readonly data: {
    readonly revision: Revision;
    readonly nodeIds: readonly NodeId[];
    readonly rejections: readonly NodeRejection[];
  };
}

/**
 * A write with an `Idempotency-Key` found everything as it asks for. Carries the key, so that the write
 * is answered alike when it is repeated; all other writes that change nothing leave no event.
 */
export interface NothingChanged {
  readonly type: 'NothingChanged';
  readonly data: Readonly<Record<string, never>>;
}

export type GatewayEvent =
  | LogCreated
  | ApiAdded
  | ApiUpdated
  | ApiDeleted
  | PluginAdded
  | PluginUpdated
  | PluginDeleted
  | CertUploaded
  | KeyErased
  | NodeAdmitted
  | NodeRevoked
  | RevisionServed
  | NothingChanged;

export type GatewayEventType = GatewayEvent['type'];

/** Who did it, when, and in answer to what. Never secret. */
export interface EventMetadata {
  /** RFC 3339, UTC, milliseconds; the writer's clock. Order by revision, never by time. */
  readonly time: string;
  /** `system`, or who called the admin API. */
  readonly actor: string;
  /** The same for all events of one admin request. */
  readonly correlationId: string;
  /** Only where the caller sent an `Idempotency-Key`. */
  readonly idempotency?: Idempotency;
}

/** Lets a repeated request be answered from the log instead of being carried out again. */
export interface Idempotency {
  /** As the caller sent it. */
  readonly key: string;
  /** SHA-256 of actor, method, path and body, 64 lower-case hex digits: one key, one request. */
  readonly request: string;
}

/** An event as it stands in the log. */
export interface RecordedEvent {
  readonly revision: Revision;
  readonly id: EventId;
  readonly event: GatewayEvent;
  readonly metadata: EventMetadata;
}

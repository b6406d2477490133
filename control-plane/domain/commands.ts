import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  ClusterNode,
  NodeId,
  NodeRejection,
  PluginId,
  SslPluginRules,
} from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import type { GatewayState } from './state.js';

/** What a caller may say about an API; `id` and `createdAt` are settled by the command. */
export type ApiSettings = Omit<Api, 'id' | 'createdAt'>;

/** Those that Kong's API object has not. A change can take them away. */
export type UpstreamSettings = Pick<Api, 'upstreamTargets' | 'upstreamCa' | 'upstreamVerify'>;

export interface AddApi {
  readonly type: 'AddApi';
  readonly id: ApiId;
  readonly createdAt: number;
  readonly settings: ApiSettings;
}

/** Whatever `settings` leaves out is unset. */
export interface ReplaceApi {
  readonly type: 'ReplaceApi';
  readonly id: ApiId;
  /** Absent: stays as it is. */
  readonly createdAt?: number;
  readonly settings: ApiSettings;
}

/** Whatever `changes` leaves out stays, but for what is to be `unset`. */
export interface ChangeApi {
  readonly type: 'ChangeApi';
  readonly id: ApiId;
  readonly changes: Partial<ApiSettings & Pick<Api, 'createdAt'>>;
  readonly unset?: readonly (keyof UpstreamSettings)[];
}

export interface DeleteApi {
  readonly type: 'DeleteApi';
  readonly id: ApiId;
}

/**
 * Which certificate a plugin is to serve: the one it has, or an uploaded one. Where the upload brought
 * only one half of the pair, it was checked against the other half of `basedOn`; if the plugin has got
 * another certificate meanwhile, the command is rejected and has to be made anew.
 */
export type CertificateChoice =
  | { readonly kind: 'keep' }
  | {
      readonly kind: 'upload';
      readonly certificate: Certificate;
      readonly basedOn?: CertificateId;
    };

/** What Kong's ssl plugin has not. A change can take it away. */
export type HttpsSettings = Pick<
  SslPluginRules,
  'httpsRedirectStatusCode' | 'hstsMaxAge' | 'hstsIncludeSubdomains' | 'hstsPreload'
>;

/** What a caller may say about a plugin besides its certificate. */
export interface PluginSettings extends SslPluginRules {
  readonly enabled: boolean;
}

export interface AddPlugin {
  readonly type: 'AddPlugin';
  readonly id: PluginId;
  readonly createdAt: number;
  /** Absent: for all APIs. */
  readonly apiId?: ApiId;
  readonly settings: PluginSettings;
  readonly certificate: Certificate;
}

export interface ReplacePlugin {
  readonly type: 'ReplacePlugin';
  readonly id: PluginId;
  /** Addressed under this API: a plugin of another one is not found. */
  readonly under?: ApiId;
  readonly apiId?: ApiId;
  readonly createdAt?: number;
  readonly settings: PluginSettings;
  readonly certificate: CertificateChoice;
}

export interface ChangePlugin {
  readonly type: 'ChangePlugin';
  readonly id: PluginId;
  readonly under?: ApiId;
  readonly changes: Partial<PluginSettings> & {
    readonly apiId?: ApiId;
    readonly createdAt?: number;
  };
  readonly unset?: readonly (keyof HttpsSettings)[];
  readonly certificate: CertificateChoice;
}

export interface DeletePlugin {
  readonly type: 'DeletePlugin';
  readonly id: PluginId;
  readonly under?: ApiId;
}

/** One host and the certificate that it is to serve. */
export interface HostBinding {
  readonly requestHost: string;
  readonly certificate: Certificate;
  /** The API to add if none has this host; absent: the host is refused then. */
  readonly newApi?: AddApi;
  /** The plugin to add if the host's API has none. */
  readonly newPlugin: Pick<AddPlugin, 'id' | 'createdAt' | 'settings'>;
  /** What a plugin that is there gets beside the certificate. */
  readonly changes: Partial<PluginSettings>;
}

/** Many hosts at once; each is bound, or refused, by itself. */
export interface BindCertificates {
  readonly type: 'BindCertificates';
  readonly bindings: readonly HostBinding[];
}

/** What is to be as it was: everything, one API with its plugin, or the API of one `request_host`. */
export type RollbackScope =
  | { readonly kind: 'everything' }
  | { readonly kind: 'api'; readonly apiId: ApiId }
  | { readonly kind: 'host'; readonly requestHost: string };

/** Forward events that make the configuration what it was in `target`. */
export interface Rollback {
  readonly type: 'Rollback';
  readonly target: GatewayState;
  readonly scope: RollbackScope;
}

/** The first event of a log. */
export interface CreateLog {
  readonly type: 'CreateLog';
  readonly logId: string;
}

/** Gives up the key of a certificate that nothing uses. */
export interface EraseKey {
  readonly type: 'EraseKey';
  readonly certificateId: CertificateId;
}

/** Lets a node in that has shown a join token. */
export interface AdmitNode {
  readonly type: 'AdmitNode';
  readonly node: ClusterNode;
}

/** Takes a node out of the cluster, for good. */
export interface RevokeNode {
  readonly type: 'RevokeNode';
  readonly nodeId: NodeId;
}

/** Notes that nodes have proved to serve a revision. */
export interface RecordServed {
  readonly type: 'RecordServed';
  readonly revision: Revision;
  readonly nodeIds: readonly NodeId[];
  readonly rejections: readonly NodeRejection[];
}

/** An intent, parsed and checked for all that does not depend on the state. Ids and time come with it. */
export type Command =
  | AddApi
  | ReplaceApi
  | ChangeApi
  | DeleteApi
  | AddPlugin
  | ReplacePlugin
  | ChangePlugin
  | DeletePlugin
  | BindCertificates
  | Rollback
  | CreateLog
  | EraseKey
  | AdmitNode
  | RevokeNode
  | RecordServed;

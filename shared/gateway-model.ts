import type { Brand } from './brand.js';

/** UUID v4, lower case. */
export type ApiId = Brand<string, 'ApiId'>;
/** UUID v4, lower case. */
export type PluginId = Brand<string, 'PluginId'>;
/** UUID v4, lower case. */
export type CertificateId = Brand<string, 'CertificateId'>;
/** Names a sealed private key in the key vault. UUID v4, lower case. */
export type KeyId = Brand<string, 'KeyId'>;

/** Stands in the node's certificate. UUID v4, lower case; never used again. */
export type NodeId = Brand<string, 'NodeId'>;

/** A data-plane node that belongs to the cluster. */
export interface ClusterNode {
  readonly id: NodeId;
  /** As the node called itself; several may have the same. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly joinedAt: number;
}

/** A certificate that a node could not load; its hosts keep their last good one there. */
export interface NodeRejection {
  readonly nodeId: NodeId;
  readonly certificateId: CertificateId;
  readonly hosts: readonly string[];
  readonly reason: string;
}

/** Kong 0.9.9's API object, which requests go to which upstream; and how its servers are reached. */
export interface Api {
  readonly id: ApiId;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly name: string;
  /** As given, letter case kept; may hold one leading or trailing `*` label. */
  readonly requestHost?: string;
  readonly requestPath?: string;
  readonly upstreamUrl: string;
  readonly stripRequestPath: boolean;
  readonly preserveHost: boolean;
  /** The servers behind `upstreamUrl`; absent or empty: the one that it names. */
  readonly upstreamTargets?: readonly UpstreamServer[];
  /** PEM of the roots that may vouch for an https upstream; absent: the system's. */
  readonly upstreamCa?: string;
  /** Whether an https upstream has to prove who it is; absent: as the node's configuration has it. */
  readonly upstreamVerify?: boolean;
}

export interface UpstreamServer {
  /** Name or address, without the brackets of an IPv6 literal. */
  readonly host: string;
  /** Absent: that of `upstreamUrl`. */
  readonly port?: number;
  /** Share of the requests, among the weights of all. */
  readonly weight: number;
}

/** Kong 0.9.9's plugin object for the one plugin there is, with the certificate by reference. */
export interface SslPlugin {
  readonly id: PluginId;
  readonly name: 'ssl';
  /** Absent: applies to every API without an enabled ssl plugin of its own. */
  readonly apiId?: ApiId;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly enabled: boolean;
  readonly config: SslPluginConfig;
}

export interface SslPluginConfig extends SslPluginRules {
  readonly certificateId: CertificateId;
}

/** What a plugin says about requests. */
export interface SslPluginRules {
  readonly onlyHttps: boolean;
  readonly acceptHttpIfAlreadyTerminated: boolean;
  /** How `onlyHttps` answers plain HTTP; absent: 426. */
  readonly httpsRedirectStatusCode?: HttpsRedirectStatusCode;
  /** Seconds of `Strict-Transport-Security` (RFC 6797); absent: no such field. */
  readonly hstsMaxAge?: number;
  readonly hstsIncludeSubdomains?: boolean;
  readonly hstsPreload?: boolean;
}

/** 426 tells the client to use HTTPS; the others send it there. */
export type HttpsRedirectStatusCode = 301 | 302 | 307 | 308 | 426;

/** A certificate chain whose private key lies in the vault. Never holds the key itself. */
export interface Certificate {
  readonly id: CertificateId;
  readonly keyId: KeyId;
  /** PEM as uploaded, white space trimmed at both ends: leaf first, then intermediates. */
  readonly chainPem: string;
  /** SHA-256 of the leaf's DER, 64 lower-case hex digits. */
  readonly fingerprint256: string;
  /** DNS names of the leaf's SAN, or its common name where there is no SAN. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly keyAlgorithm: KeyAlgorithm;
}

export type KeyAlgorithm = `rsa-${number}` | 'p-256' | 'p-384' | 'p-521' | 'ed25519';

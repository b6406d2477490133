/** What the admin API answers, as far as the console reads it. */

export interface CertificateSummary {
  readonly id: string;
  readonly fingerprint256: string;
  readonly not_before: string;
  readonly not_after: string;
  readonly key_algorithm: string;
}

export interface Host {
  readonly host: string;
  readonly api: { readonly id: string; readonly name: string; readonly upstream_url: string };
  readonly plugin_id?: string;
  readonly shared?: boolean;
  readonly revision: number;
  readonly certificate?: CertificateSummary;
}

export interface ChainLink {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly not_after: string;
}

export interface HostDetail extends Host {
  readonly certificate?: CertificateSummary & {
    readonly names: readonly string[];
    readonly chain: readonly ChainLink[];
  };
  readonly only_https?: boolean;
  readonly accept_http_if_already_terminated?: boolean;
  readonly https_redirect_status_code?: number;
  readonly hsts_max_age?: number;
}

export interface HostPage {
  readonly data: readonly Host[];
  readonly total: number;
}

export interface NodeReport {
  readonly id: string;
  readonly name: string;
  readonly joined_at: number;
  readonly connected: boolean;
  readonly address?: string;
  readonly version?: string;
  readonly plugins_disagree: boolean;
  readonly ready: boolean;
  readonly workers?: number;
  readonly workers_wanted?: number;
  readonly revision?: number;
  readonly lag?: number;
  readonly digest_mismatches: number;
  readonly rejections: readonly {
    readonly certificate_id: string;
    readonly hosts: readonly string[];
    readonly reason: string;
  }[];
  readonly last_seen_at?: number;
}

export interface Overview {
  readonly revision?: number;
  readonly served_revision?: number;
  readonly time: string;
  readonly hosts: number;
  readonly without_certificate: number;
  readonly expiring: readonly (readonly [daysLeft: number, hosts: number])[];
  readonly nodes: readonly NodeReport[];
}

export interface SessionReport {
  readonly actor: string;
  readonly scopes: readonly string[];
  readonly development: boolean;
}

export interface ApiDocument {
  readonly id: string;
  readonly name: string;
  readonly request_host?: string;
  readonly request_path?: string;
  readonly upstream_url: string;
  readonly strip_request_path: boolean;
  readonly preserve_host: boolean;
  readonly upstream_targets?: readonly string[];
  readonly upstream_ca?: string;
  readonly upstream_verify?: boolean;
}

export interface BindingDocument {
  readonly id: string;
  readonly api_id?: string;
  readonly enabled: boolean;
  readonly certificate_id: string;
  readonly only_https: boolean;
  readonly accept_http_if_already_terminated: boolean;
  readonly https_redirect_status_code?: number;
  readonly hsts_max_age?: number;
  readonly hsts_include_subdomains?: boolean;
  readonly hsts_preload?: boolean;
}

export interface CertificateDocument extends CertificateSummary {
  readonly names: readonly string[];
}

export type EventContent =
  | { readonly type: 'LogCreated'; readonly data: { readonly log_id: string } }
  | { readonly type: 'ApiAdded' | 'ApiUpdated'; readonly data: { readonly api: ApiDocument } }
  | { readonly type: 'ApiDeleted'; readonly data: { readonly api_id: string } }
  | {
      readonly type: 'PluginAdded' | 'PluginUpdated';
      readonly data: { readonly plugin: BindingDocument };
    }
  | { readonly type: 'PluginDeleted'; readonly data: { readonly plugin_id: string } }
  | {
      readonly type: 'CertUploaded';
      readonly data: { readonly certificate: CertificateDocument };
    }
  | { readonly type: 'KeyErased'; readonly data: { readonly certificate_id: string } }
  | {
      readonly type: 'NodeAdmitted';
      readonly data: { readonly node: { readonly id: string; readonly name: string } };
    }
  | { readonly type: 'NodeRevoked'; readonly data: { readonly node_id: string } }
  | { readonly type: 'RevisionServed'; readonly data: { readonly revision: number } }
  | { readonly type: 'NothingChanged'; readonly data: object };

export type EventReport = EventContent & {
  readonly revision: number;
  readonly id: string;
  readonly time: string;
  readonly actor: string;
  readonly correlation_id: string;
};

export interface EventPage {
  readonly data: readonly EventReport[];
  readonly head?: number;
  /** Present only if more follow. */
  readonly next?: string;
}

export interface BoundCertificate {
  readonly certificate_id: string;
  readonly fingerprint256: string;
}

export interface DryRun {
  readonly accepted: boolean;
  readonly refusal?: { readonly status: number; readonly body?: Readonly<Record<string, unknown>> };
  readonly events: readonly EventContent[];
  readonly bindings: readonly {
    readonly request_host: string;
    readonly before: BoundCertificate | null;
    readonly after: BoundCertificate | null;
  }[];
  readonly hosts_losing_cover: readonly string[];
  readonly warnings: readonly string[];
}

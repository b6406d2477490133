/** Where certificates to be imported may come from. */
export const sourceFormats = ['directory', 'certbot', 'caddy', 'nginx', 'haproxy', 'kong'] as const;
export type SourceFormat = (typeof sourceFormats)[number];

/** PEM text to be looked at. */
export interface PemText {
  /** The file's path, or where in a file the text stood. */
  readonly name: string;
  /** Absent: it is what the file called `name` holds. */
  readonly inline?: string;
}

/** An API for a host that the gateway has none for, in the admin API's words. */
export interface ApiDraft {
  readonly name?: string;
  readonly upstream_url: string;
  /** Each as `host:port weight=n`. */
  readonly upstream_targets?: readonly string[];
  readonly preserve_host?: boolean;
  readonly request_path?: string;
  readonly strip_request_path?: boolean;
}

/** Settings of the `ssl` plugin beside chain and key. */
export interface PluginSettings {
  readonly only_https?: boolean;
  readonly accept_http_if_already_terminated?: boolean;
}

/** A chain and its key, brought together by the source. */
export interface SourceBinding {
  readonly cert: PemText;
  readonly key: PemText;
  /** Absent: the names that the leaf is good for. */
  readonly hosts?: readonly string[];
  readonly settings?: PluginSettings;
}

/** Something that is not imported. */
export interface Refused {
  /** A file, a place in a file, or a host. */
  readonly what: string;
  readonly reason: string;
}

/** What a source holds, before any PEM was looked at. */
export interface SourceReading {
  readonly format: SourceFormat;
  readonly bindings: readonly SourceBinding[];
  /** Texts that hold chains and keys in no known order: they find each other by the key itself. */
  readonly loose: readonly PemText[];
  /** APIs by `request_host`, for hosts that have none yet. */
  readonly apis: ReadonlyMap<string, ApiDraft>;
  readonly refused: readonly Refused[];
}

/** A source's format is right, but it can't be read at all. */
export class SourceError extends Error {}

/** A reading of bindings alone. */
export function readingOf(
  format: SourceFormat,
  bindings: readonly SourceBinding[],
  refused: readonly Refused[],
): SourceReading {
  return { format, bindings, refused, loose: [], apis: new Map() };
}

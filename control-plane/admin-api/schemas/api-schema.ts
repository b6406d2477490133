import type { Api } from '../../../shared/gateway-model.js';
import type { ApiSettings, UpstreamSettings } from '../../domain/commands.js';
import type { RawObject } from '../body/raw-value.js';
import {
  blankFields,
  type Document,
  type Errors,
  excerpt,
  type Input,
  readFields,
} from './fields.js';
import {
  presentUpstream,
  readUnsetUpstream,
  readUpstream,
  upstreamFields,
} from './upstream-fields.js';

/** Kong 0.9.9's API object, and what it has not. */
export const apiFields = {
  id: { type: 'id', description: 'Chosen by the client, or made at creation.' },
  created_at: { type: 'timestamp', description: 'Milliseconds since the epoch.' },
  name: {
    type: 'string',
    unique: true,
    maxLength: 255,
    check: checkName,
    description: 'Made from `request_host` or `request_path` if not given.',
  },
  request_host: {
    type: 'string',
    unique: true,
    optional: true,
    maxLength: 253,
    check: checkRequestHost,
    description: 'Host whose requests go here, with at most one wildcard label at either end.',
  },
  request_path: {
    type: 'string',
    unique: true,
    optional: true,
    maxLength: 2048,
    check: checkRequestPath,
    description: 'Path whose requests go here.',
  },
  upstream_url: {
    type: 'string',
    required: true,
    maxLength: 4096,
    check: checkUpstreamUrl,
    description: 'Where the requests go: http or https, with port and path if need be.',
  },
  strip_request_path: {
    type: 'boolean',
    default: false,
    description: 'Whether `request_path` is taken off the path that the upstream sees.',
  },
  preserve_host: {
    type: 'boolean',
    default: false,
    description: "Whether the upstream sees the client's `Host`.",
  },
  ...upstreamFields,
} as const;

export type ApiInput = Input<typeof apiFields>;
export type ApiDocument = Document<typeof apiFields>;

const hostOrPathMissing = "At least a 'request_host' or a 'request_path' must be specified";

/** A whole API, as POST and PUT send it; `undefined` if there are errors. */
export function readWholeApi(
  raw: RawObject,
  errors: Errors,
): { readonly input: ApiInput; readonly settings: ApiSettings } | undefined {
  const input = readFields(apiFields, raw, errors);
  const { upstream_url: upstreamUrl, request_host: requestHost, request_path: path } = input;
  // A field that is given but wrong has its own error already.
  const isAbsent = (field: string, value: unknown) => value === undefined && !errors.has(field);
  if (isAbsent('upstream_url', upstreamUrl)) {
    errors.set('upstream_url', 'upstream_url is required');
  }
  if (isAbsent('request_host', requestHost) && isAbsent('request_path', path)) {
    errors.set('request_host', hostOrPathMissing);
    errors.set('request_path', hostOrPathMissing);
  }
  if (errors.size > 0 || upstreamUrl === undefined) return undefined;
  const settings: ApiSettings = {
    name: input.name ?? defaultName(requestHost, path),
    ...(requestHost !== undefined && { requestHost }),
    ...(path !== undefined && { requestPath: withoutTrailingSlash(path) }),
    upstreamUrl,
    stripRequestPath: input.strip_request_path ?? false,
    preserveHost: input.preserve_host ?? false,
    ...readUpstream(input),
  };
  return { input, settings };
}

/** Some fields, as PATCH sends them: what is absent stays, and only what Kong has not can be unset. */
export function readApiChanges(
  raw: RawObject,
  before: Api,
  errors: Errors,
): {
  readonly input: ApiInput;
  readonly changes: Partial<ApiSettings>;
  readonly unset: readonly (keyof UpstreamSettings)[];
} {
  const input = readFields(apiFields, raw, errors);
  for (const name of blankFields(apiFields, raw)) errors.set(name, `${name} cannot be unset`);
  const bothGone =
    (errors.has('request_host') || before.requestHost === undefined) &&
    (errors.has('request_path') || before.requestPath === undefined);
  for (const name of blankFields(apiFields, raw)) {
    if (!bothGone || !name.startsWith('request_')) continue;
    errors.set('request_host', hostOrPathMissing);
    errors.set('request_path', hostOrPathMissing);
  }
  const { name, request_host, request_path, upstream_url, strip_request_path, preserve_host } =
    input;
  const changes: Partial<ApiSettings> = {
    ...(name !== undefined && { name }),
    ...(request_host !== undefined && { requestHost: request_host }),
    ...(request_path !== undefined && { requestPath: withoutTrailingSlash(request_path) }),
    ...(upstream_url !== undefined && { upstreamUrl: upstream_url }),
    ...(strip_request_path !== undefined && { stripRequestPath: strip_request_path }),
    ...(preserve_host !== undefined && { preserveHost: preserve_host }),
    ...readUpstream(input),
  };
  return { input, changes, unset: readUnsetUpstream(raw) };
}

export function presentApi(api: Api): ApiDocument {
  return {
    id: api.id,
    created_at: api.createdAt,
    name: api.name,
    ...(api.requestHost !== undefined && { request_host: api.requestHost }),
    ...(api.requestPath !== undefined && { request_path: api.requestPath }),
    upstream_url: api.upstreamUrl,
    strip_request_path: api.stripRequestPath,
    preserve_host: api.preserveHost,
    ...presentUpstream(api),
  };
}

/** The host, else the path as sent with `-` for `/`; what no name may hold becomes `-` too. */
function defaultName(requestHost: string | undefined, requestPath: string | undefined): string {
  const base = requestHost ?? (requestPath ?? '').slice(1);
  // `/` alone would leave nothing, and a name has to be something.
  return base === '' ? 'root' : base.replace(/[^A-Za-z0-9._~-]/g, '-');
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function checkName(name: string): string | undefined {
  return /^[A-Za-z0-9._~-]+$/.test(name)
    ? undefined
    : "name must only contain alphanumeric and '., -, _, ~' characters";
}

function checkRequestHost(host: string): string | undefined {
  const wildcards = host.split('*').length - 1;
  if (wildcards > 1) return `Only one wildcard is allowed: ${excerpt(host)}`;
  if (wildcards === 0) return isHostName(host) ? undefined : `Invalid value: ${excerpt(host)}`;
  if (!/^\*\.|.\.\*$/.test(host)) return `Invalid wildcard placement: ${excerpt(host)}`;
  const rest = host.startsWith('*.') ? host.slice(2) : host.slice(0, -2);
  return isHostName(rest) ? undefined : `Invalid value: ${excerpt(host)}`;
}

function isHostName(text: string): boolean {
  return text.split('.').every((label) => /^[A-Za-z0-9_-]*[A-Za-z0-9_]$/.test(label));
}

function checkRequestPath(path: string): string | undefined {
  if (!path.startsWith('/')) return `must be prefixed with slash: '${excerpt(path)}'`;
  if (path.includes('//')) return `invalid: '${excerpt(path)}'`;
  if (!/^[A-Za-z0-9._~/%-]*$/.test(path)) {
    return "must only contain alphanumeric and '., -, _, ~, /, %' characters";
  }
  const bad = /%(?![0-9A-Fa-f]{2})/.exec(path);
  return bad === null
    ? undefined
    : `must use proper encoding; '${path.slice(bad.index, bad.index + 3)}' is invalid`;
}

function checkUpstreamUrl(text: string): string | undefined {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/[^/?#]/.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined || !URL.canParse(text) || /[\s\p{Cc}]/u.test(text)) {
    return 'upstream_url is not a url';
  }
  return scheme === 'http' || scheme === 'https'
    ? undefined
    : 'Supported protocols are HTTP and HTTPS';
}

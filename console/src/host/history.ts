import type {
  ApiDocument,
  BindingDocument,
  CertificateDocument,
  EventReport,
} from '../api/types.js';

/** One field, before and after; absent is "was not" or "is no more". */
export interface Difference {
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
}

/** What one request did. */
export interface Step {
  /** Of its last event: what the configuration is named by once it was done. */
  readonly revision: number;
  readonly time: string;
  readonly actor: string;
  readonly title: string;
  readonly kind: 'certificate' | 'api' | 'settings' | 'removal' | 'housekeeping';
  readonly differences: readonly Difference[];
  /** Hosts it was about, as far as the events tell. */
  readonly hosts: readonly string[];
  readonly certificateId?: string;
}

type Known = {
  readonly apis: Map<string, ApiDocument>;
  readonly plugins: Map<string, BindingDocument>;
  readonly certificates: Map<string, CertificateDocument>;
};

/**
 * Events as steps, newest first, each with what it made different. Where the beginning is not among the
 * events, what was before is not shown rather than guessed.
 */
export function stepsOf(events: readonly EventReport[]): readonly Step[] {
  const known: Known = { apis: new Map(), plugins: new Map(), certificates: new Map() };
  const steps: Step[] = [];
  for (const group of requestsOf(events)) {
    const step = stepOf(group, known);
    if (step !== undefined) steps.unshift(step);
  }
  return steps;
}

/** Events of one request lie next to each other. */
function requestsOf(events: readonly EventReport[]): readonly (readonly EventReport[])[] {
  const groups: EventReport[][] = [];
  for (const event of [...events].sort((a, b) => a.revision - b.revision)) {
    const last = groups.at(-1);
    if (last?.[0]?.correlation_id === event.correlation_id) last.push(event);
    else groups.push([event]);
  }
  return groups;
}

function stepOf(events: readonly EventReport[], known: Known): Step | undefined {
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const differences: Difference[] = [];
  const titles: Title[] = [];
  const hosts = new Set<string>();
  let certificateId: string | undefined;
  for (const event of events) {
    const title = apply(event, known, differences, hosts);
    if (title !== undefined) titles.push(title);
    if (event.type === 'PluginAdded' || event.type === 'PluginUpdated') {
      certificateId = event.data.plugin.certificate_id;
    }
  }
  // A new certificate says more than the settings that came with it.
  const [title] = titles.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  if (title === undefined) return undefined;
  return {
    revision: last.revision,
    time: last.time,
    actor: last.actor,
    ...title,
    differences,
    hosts: [...hosts],
    ...(certificateId !== undefined && { certificateId }),
  };
}

interface Title {
  readonly title: string;
  readonly kind: Step['kind'];
}

const order: readonly Step['kind'][] = [
  'certificate',
  'removal',
  'api',
  'settings',
  'housekeeping',
];

function apply(
  event: EventReport,
  known: Known,
  differences: Difference[],
  hosts: Set<string>,
): Title | undefined {
  const { apis, plugins, certificates } = known;
  const noteHost = (apiId: string | undefined) => {
    const host = apiId === undefined ? undefined : apis.get(apiId)?.request_host;
    if (host !== undefined) hosts.add(host);
  };
  switch (event.type) {
    case 'LogCreated':
      return { title: 'Log created', kind: 'housekeeping' };
    case 'ApiAdded':
    case 'ApiUpdated': {
      const { api } = event.data;
      const before = apis.get(api.id);
      differences.push(...compare(apiFields, before, api));
      apis.set(api.id, api);
      noteHost(api.id);
      return { title: event.type === 'ApiAdded' ? 'API added' : 'API changed', kind: 'api' };
    }
    case 'ApiDeleted':
      noteHost(event.data.api_id);
      differences.push(...compare(apiFields, apis.get(event.data.api_id), undefined));
      apis.delete(event.data.api_id);
      return { title: 'API deleted', kind: 'removal' };
    case 'CertUploaded':
      certificates.set(event.data.certificate.id, event.data.certificate);
      return undefined;
    case 'PluginAdded':
    case 'PluginUpdated': {
      const { plugin } = event.data;
      const before = plugins.get(plugin.id);
      plugins.set(plugin.id, plugin);
      noteHost(plugin.api_id);
      const isAnother = before?.certificate_id !== plugin.certificate_id;
      if (isAnother) differences.push(...compareCertificates(before, plugin, certificates));
      differences.push(...compare(pluginFields, before, plugin));
      return isAnother
        ? { title: certificateTitle(event, before), kind: 'certificate' }
        : { title: 'Certificate settings changed', kind: 'settings' };
    }
    case 'PluginDeleted': {
      const before = plugins.get(event.data.plugin_id);
      noteHost(before?.api_id);
      differences.push(...compareCertificates(before, undefined, certificates));
      plugins.delete(event.data.plugin_id);
      return { title: 'Certificate taken off', kind: 'removal' };
    }
    case 'KeyErased': {
      const certificate = certificates.get(event.data.certificate_id);
      differences.push({
        field: 'private key of',
        before: certificate?.fingerprint256 ?? event.data.certificate_id,
      });
      return { title: 'Private key erased', kind: 'housekeeping' };
    }
    case 'NodeAdmitted':
      return { title: `Node ${event.data.node.name} joined`, kind: 'housekeeping' };
    case 'NodeRevoked':
      return { title: 'Node revoked', kind: 'housekeeping' };
    case 'RevisionServed':
    case 'NothingChanged':
      // Nothing that anybody did to a host; the nodes' view shows what they serve.
      return undefined;
    default: {
      // Of a control plane that is newer than this page: a reload brings the page that knows it.
      event satisfies never;
      return undefined;
    }
  }
}

function certificateTitle(
  { type, data }: EventReport,
  before: BindingDocument | undefined,
): string {
  const isForAll = 'plugin' in data && data.plugin.api_id === undefined;
  const whose = isForAll ? ' for every host' : '';
  const isFirst = type === 'PluginAdded' && before === undefined;
  return `Certificate ${isFirst ? 'bound' : 'replaced'}${whose}`;
}

const apiFields = [
  ...['name', 'request_host', 'request_path', 'upstream_url'],
  ...['strip_request_path', 'preserve_host'],
  ...['upstream_targets', 'upstream_ca', 'upstream_verify'],
];
const pluginFields = [
  ...['enabled', 'only_https', 'accept_http_if_already_terminated', 'https_redirect_status_code'],
  ...['hsts_max_age', 'hsts_include_subdomains', 'hsts_preload'],
];
/** Not worth a line when something is made. */
const ordinary = new Map<string, string>([
  ['strip_request_path', 'false'],
  ['preserve_host', 'false'],
  ['enabled', 'true'],
  ['only_https', 'false'],
  ['accept_http_if_already_terminated', 'false'],
]);

function compare(
  fields: readonly string[],
  before: object | undefined,
  after: object | undefined,
): readonly Difference[] {
  const was = new Map<string, unknown>(Object.entries(before ?? {}));
  const is = new Map<string, unknown>(Object.entries(after ?? {}));
  return fields.flatMap((field) => {
    const [old, now] = [textOf(was.get(field)), textOf(is.get(field))];
    const isOrdinary = (value: string | undefined) => value === ordinary.get(field);
    if (old === now) return [];
    if (old === undefined && isOrdinary(now)) return [];
    if (now === undefined && isOrdinary(old)) return [];
    return [difference(field, old, now)];
  });
}

function compareCertificates(
  before: BindingDocument | undefined,
  after: BindingDocument | undefined,
  certificates: ReadonlyMap<string, CertificateDocument>,
): readonly Difference[] {
  const old = before && certificates.get(before.certificate_id);
  const now = after && certificates.get(after.certificate_id);
  const field = (name: string, of: (certificate: CertificateDocument) => string) => {
    const [left, right] = [old && of(old), now && of(now)];
    return left === right ? [] : [difference(name, left, right)];
  };
  return [
    ...field('leaf', ({ fingerprint256 }) => fingerprint256),
    ...field('names', ({ names }) => names.join(', ')),
    ...field('valid until', ({ not_after }) => not_after.slice(0, 10)),
    ...field('key', ({ key_algorithm }) => key_algorithm),
  ];
}

function difference(field: string, before: string | undefined, after: string | undefined) {
  return {
    field,
    ...(before !== undefined && { before }),
    ...(after !== undefined && { after }),
  };
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

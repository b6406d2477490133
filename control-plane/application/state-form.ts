import { Map as ImmutableMap, Set as ImmutableSet, OrderedMap } from 'immutable';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  ClusterNode,
  KeyAlgorithm,
  KeyId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import { scopeOf } from '../domain/evolve.js';
import type { GatewayState, IdempotentWrite, UnusedKey } from '../domain/state.js';

/**
 * A state as bytes and back, made for a fast start: 100,000 certificates are 200 MB of chains and a
 * million index entries.
 *
 * Rows are JSON arrays in groups; entities name each other by their place in the snapshot, so an id
 * is one string in memory however often it is used. Indexes are not written but built again; a flag on
 * the entity says whether it holds its index entry. Chains lie behind their group as Latin-1: one
 * decoded string for a group, of which each chain is a slice that copies nothing.
 *
 * The form's name changes with any change of the rows or of the state they stand for.
 */
export const stateForm = 'gateway-state-2';

/** A few MB of chains each: large enough to be decoded outside the JavaScript heap. */
const rowsPerGroup = 2000;

type ApiRow = [ApiId, number, string, string | 0, string | 0, string, number, Revision | -1];
type PluginRow = [PluginId, number, CertificateId | number, ApiId | number, number, Revision | -1];
type CertificateRow = [
  CertificateId,
  KeyId,
  /** Length of the chain in the group's Latin-1 part, or a chain that is not Latin-1. */
  number | string,
  string,
  readonly string[],
  number,
  number,
  KeyAlgorithm,
];

interface Head {
  readonly logId: string | null;
  readonly apis: number;
  readonly plugins: number;
  readonly certificates: number;
  readonly keysToErase: readonly [CertificateId, UnusedKey][];
  readonly nodes: readonly ClusterNode[];
  /** Of ids that no API and no plugin has. */
  readonly otherChanges: readonly [ApiId | PluginId, Revision][];
  readonly idempotentWrites: readonly [string, IdempotentWrite][];
}

const flag = { strip: 1, preserve: 2, byName: 4, byHost: 8, byPath: 16 } as const;
const pluginFlag = { enabled: 1, onlyHttps: 2, acceptHttp: 4, byScope: 8 } as const;
/** Instead of the place of an API: the plugin is for all. */
const everyApi = -1;

/** Yields the parts one by one; the state is immutable, so it may take its time. */
export function* stateToParts(state: GatewayState): Generator<Uint8Array> {
  const { apis, plugins, certificates, changedAt } = state;
  const isOther = (_: Revision, id: ApiId | PluginId) =>
    !apis.has(id as ApiId) && !plugins.has(id as PluginId);
  const head: Head = {
    logId: state.logId ?? null,
    apis: apis.size,
    plugins: plugins.size,
    certificates: certificates.size,
    keysToErase: [...state.keysToErase],
    nodes: [...state.nodes.values()],
    otherChanges: [...changedAt.filter(isOther)],
    idempotentWrites: [...state.idempotentWrites],
  };
  yield toJson(head);
  const certificatePlaces = new Map<CertificateId, number>();
  for (const group of groups(certificates.values())) {
    for (const { id } of group) certificatePlaces.set(id, certificatePlaces.size);
    yield toJson(group.map(certificateRow));
    // Never empty, whatever the chains are.
    yield Buffer.from(
      `\n${group.map(({ chainPem }) => latin1(chainPem) ?? '').join('')}`,
      'latin1',
    );
  }
  const apiPlaces = new Map<ApiId, number>();
  for (const group of groups(apis.values())) {
    for (const { id } of group) apiPlaces.set(id, apiPlaces.size);
    yield toJson(group.map((api) => apiRow(state, api)));
  }
  for (const group of groups(plugins.values())) {
    yield toJson(group.map((plugin) => pluginRow(state, plugin, apiPlaces, certificatePlaces)));
  }
}

/** @throws Error for parts that `stateToParts` of this form did not write. */
export function stateFromParts(parts: readonly Uint8Array[]): GatewayState {
  const reader = parts[Symbol.iterator]();
  const next = () => {
    const { done, value } = reader.next();
    if (done) throw new Error('the snapshot ends too early');
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  };
  // The store has checked that these are the bytes that were saved, and the form that they are ours.
  const rows = <Row>() => JSON.parse(next().toString('utf8')) as Row[];
  const head = JSON.parse(next().toString('utf8')) as Head;
  const certificates: Certificate[] = [];
  while (certificates.length < head.certificates) {
    const group = rows<CertificateRow>();
    const chains = next().toString('latin1');
    let offset = 1;
    for (const row of group) {
      const chain = row[2];
      const chainPem = typeof chain === 'string' ? chain : chains.slice(offset, offset + chain);
      if (typeof chain === 'number') offset += chain;
      certificates.push(certificateOf(row, chainPem));
    }
  }
  const apiRows: ApiRow[] = [];
  while (apiRows.length < head.apis) apiRows.push(...rows<ApiRow>());
  const pluginRows: PluginRow[] = [];
  while (pluginRows.length < head.plugins) pluginRows.push(...rows<PluginRow>());
  return assemble(head, certificates, apiRows, pluginRows);
}

function assemble(
  head: Head,
  certificates: readonly Certificate[],
  apiRows: readonly ApiRow[],
  pluginRows: readonly PluginRow[],
): GatewayState {
  const apis = apiRows.map(apiOf);
  const plugins = pluginRows.map((row) => pluginOf(row, apis, certificates));
  const changes = [
    ...apiRows.map((row, place) => [apis[place]?.id, row[7]] as const),
    ...pluginRows.map((row, place) => [plugins[place]?.id, row[5]] as const),
    ...head.otherChanges,
  ];
  const indexedApis = (which: number) =>
    apis.filter((_, place) => (apiRows[place]?.[6] ?? 0) & which);
  return {
    logId: head.logId ?? undefined,
    apis: toMap(apis, (api) => [api.id, api]),
    apiIdByName: toMap(indexedApis(flag.byName), (api) => [api.name, api.id]),
    apiIdByHost: toMap(indexedApis(flag.byHost), (api) => [hostKey(api) ?? '', api.id]),
    apiIdByPath: toMap(indexedApis(flag.byPath), (api) => [api.requestPath ?? '', api.id]),
    plugins: toMap(plugins, (plugin) => [plugin.id, plugin]),
    pluginIdByScope: toMap(
      plugins.filter((_, place) => (pluginRows[place]?.[4] ?? 0) & pluginFlag.byScope),
      (plugin) => [scopeOf(plugin), plugin.id],
    ),
    certificates: toMap(certificates, (certificate) => [certificate.id, certificate]),
    usesByCertificate: toSets(plugins, ({ config, id }) => [config.certificateId, id]),
    certificateIdsByLeaf: toSets(certificates, ({ fingerprint256, id }) => [fingerprint256, id]),
    keysToErase: ImmutableMap(head.keysToErase),
    nodes: toMap(head.nodes, (node) => [node.id, node]),
    changedAt: toMap(
      changes.filter((change): change is [ApiId | PluginId, Revision] => change[1] !== -1),
      (change) => change,
    ),
    idempotentWrites: OrderedMap(head.idempotentWrites),
  };
}

function certificateRow(certificate: Certificate): CertificateRow {
  const { id, keyId, chainPem, fingerprint256, names } = certificate;
  const chain = latin1(chainPem) === undefined ? chainPem : chainPem.length;
  const { notBefore, notAfter, keyAlgorithm } = certificate;
  return [id, keyId, chain, fingerprint256, names, notBefore, notAfter, keyAlgorithm];
}

function certificateOf(row: CertificateRow, chainPem: string): Certificate {
  const [id, keyId, , fingerprint256, names, notBefore, notAfter, keyAlgorithm] = row;
  return { id, keyId, chainPem, fingerprint256, names, notBefore, notAfter, keyAlgorithm };
}

function apiRow(state: GatewayState, api: Api): ApiRow {
  const { id, createdAt, name, requestHost, requestPath, upstreamUrl } = api;
  const host = hostKey(api);
  const flags =
    (api.stripRequestPath ? flag.strip : 0) |
    (api.preserveHost ? flag.preserve : 0) |
    (state.apiIdByName.get(name) === id ? flag.byName : 0) |
    (host !== undefined && state.apiIdByHost.get(host) === id ? flag.byHost : 0) |
    (requestPath !== undefined && state.apiIdByPath.get(requestPath) === id ? flag.byPath : 0);
  const changed = state.changedAt.get(id) ?? -1;
  return [id, createdAt, name, requestHost ?? 0, requestPath ?? 0, upstreamUrl, flags, changed];
}

function apiOf(row: ApiRow): Api {
  const [id, createdAt, name, requestHost, requestPath, upstreamUrl, flags] = row;
  return {
    id,
    createdAt,
    name,
    ...(requestHost !== 0 && { requestHost }),
    ...(requestPath !== 0 && { requestPath }),
    upstreamUrl,
    stripRequestPath: (flags & flag.strip) !== 0,
    preserveHost: (flags & flag.preserve) !== 0,
  };
}

function pluginRow(
  state: GatewayState,
  plugin: SslPlugin,
  apiPlaces: ReadonlyMap<ApiId, number>,
  certificatePlaces: ReadonlyMap<CertificateId, number>,
): PluginRow {
  const { id, createdAt, apiId, enabled, config } = plugin;
  const flags =
    (enabled ? pluginFlag.enabled : 0) |
    (config.onlyHttps ? pluginFlag.onlyHttps : 0) |
    (config.acceptHttpIfAlreadyTerminated ? pluginFlag.acceptHttp : 0) |
    (state.pluginIdByScope.get(scopeOf(plugin)) === id ? pluginFlag.byScope : 0);
  return [
    id,
    createdAt,
    certificatePlaces.get(config.certificateId) ?? config.certificateId,
    apiId === undefined ? everyApi : (apiPlaces.get(apiId) ?? apiId),
    flags,
    state.changedAt.get(id) ?? -1,
  ];
}

function pluginOf(
  row: PluginRow,
  apis: readonly Api[],
  certificates: readonly Certificate[],
): SslPlugin {
  const [id, createdAt, certificate, api, flags] = row;
  return {
    id,
    name: 'ssl',
    ...(api !== everyApi && { apiId: idAt(api, apis) }),
    createdAt,
    enabled: (flags & pluginFlag.enabled) !== 0,
    config: {
      certificateId: idAt(certificate, certificates),
      onlyHttps: (flags & pluginFlag.onlyHttps) !== 0,
      acceptHttpIfAlreadyTerminated: (flags & pluginFlag.acceptHttp) !== 0,
    },
  };
}

/** The id of the entity at a place, or the id of one that was not there. */
function idAt<Id extends string>(place: Id | number, entities: readonly { readonly id: Id }[]): Id {
  if (typeof place === 'string') return place;
  const entity = entities[place];
  if (entity === undefined) throw new Error('the snapshot names an entity that it does not hold');
  return entity.id;
}

function hostKey(api: Api): string | undefined {
  return api.requestHost?.toLowerCase();
}

/** `text` if Latin-1 can carry it. */
function latin1(text: string): string | undefined {
  return /^[\0-\xff]*$/.test(text) ? text : undefined;
}

function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function* groups<Item>(items: Iterable<Item>): Generator<readonly Item[]> {
  let group: Item[] = [];
  for (const item of items) {
    if (group.push(item) < rowsPerGroup) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function toMap<Item, Key, Value>(
  items: readonly Item[],
  entry: (item: Item) => readonly [Key, Value],
): ImmutableMap<Key, Value> {
  return ImmutableMap<Key, Value>().withMutations((map) => {
    for (const item of items) {
      const [key, value] = entry(item);
      map.set(key, value);
    }
  });
}

function toSets<Item, Key, Value>(
  items: readonly Item[],
  entry: (item: Item) => readonly [Key, Value],
): ImmutableMap<Key, ImmutableSet<Value>> {
  const none = ImmutableSet<Value>();
  return ImmutableMap<Key, ImmutableSet<Value>>().withMutations((map) => {
    for (const item of items) {
      const [key, value] = entry(item);
      map.set(key, (map.get(key) ?? none).add(value));
    }
  });
}

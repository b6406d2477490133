import { Map as ImmutableMap, OrderedMap } from 'immutable';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  ClusterNode,
  NodeId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import type { Revision } from '../../shared/revision.js';
import { scopeOf } from '../domain/evolve.js';
import { PersistentMap } from '../domain/persistent-map.js';
import { PersistentRelation } from '../domain/persistent-relation.js';
import type { GatewayState, IdempotentWrite, ServedByNode, UnusedKey } from '../domain/state.js';

/**
 * A state as bytes and back, made for a fast start: 100,000 certificates are 200 MB of chains and a
 * million index entries.
 *
 * Entities are JSON in groups, and what the parser makes of them is used as it is. Chains lie behind
 * their group as Latin-1: one decoded string for a group, of which each chain is a slice that copies
 * nothing. Plugins name APIs and certificates by their place in the snapshot, so an id is one string in
 * memory however often it is used. Indexes are not written but built again; each entity comes with bits
 * that say which of its index entries are its own.
 *
 * The form's name changes with any change of it, or of the state it stands for.
 */
export const stateForm = 'gateway-state-6';

/** About 2 MB of chains each: decoded outside the JavaScript heap from 1 MB on, encoded in a few ms. */
const entitiesPerGroup = 1000;

interface Head {
  readonly logId: string | null;
  readonly digest: string | null;
  readonly apis: number;
  readonly plugins: number;
  readonly certificates: number;
  readonly keysToErase: readonly (readonly [CertificateId, UnusedKey])[];
  readonly nodes: readonly ClusterNode[];
  readonly servedByNode: readonly [NodeId, ServedByNode][];
  /** Of ids that no API and no plugin has. */
  readonly otherChanges: readonly Change[];
  readonly idempotentWrites: readonly [string, IdempotentWrite][];
}

interface Group<Entity> {
  readonly entities: readonly Entity[];
  /** Index entries that are the entity's own, in bits. */
  readonly owned: readonly number[];
  /** Revision of the entity's last change, -1 if the state does not know. */
  readonly changed: readonly (Revision | -1)[];
}

/** `chainPem` is the chain's length in the Latin-1 part, or a chain that is not Latin-1. */
type PackedCertificate = Omit<Certificate, 'chainPem'> & { chainPem: string | number };
/** Ids of entities that the snapshot holds are their places in it. */
type PackedPlugin = Omit<SslPlugin, 'apiId' | 'config'> & {
  apiId?: ApiId | number;
  config: Omit<SslPlugin['config'], 'certificateId'> & { certificateId: CertificateId | number };
};
type Change = readonly [ApiId | PluginId, Revision];

const owns = { name: 1, host: 2, path: 4, scope: 8 } as const;

/** A state, and what takes longer to derive from it than to keep. */
export interface StateWithDigest {
  readonly state: GatewayState;
  /** Of the entries that nodes have at this state. */
  readonly digest?: string | undefined;
}

/** Yields the parts one by one; the state is immutable, so it may take its time. */
export function* stateToParts({ state, digest }: StateWithDigest): Generator<Uint8Array> {
  const { apis, plugins, certificates, changedAt } = state;
  const isOther = ([id]: Change) => !apis.has(id as ApiId) && !plugins.has(id as PluginId);
  const head: Head = {
    logId: state.logId ?? null,
    digest: digest ?? null,
    apis: apis.size,
    plugins: plugins.size,
    certificates: certificates.size,
    keysToErase: [...state.keysToErase],
    nodes: [...state.nodes.values()],
    servedByNode: [...state.servedByNode],
    otherChanges: [...changedAt].filter(isOther),
    idempotentWrites: [...state.idempotentWrites],
  };
  yield toJson(head);
  const certificatePlaces = new Map<CertificateId, number>();
  for (const group of groups(certificates.values())) {
    for (const { id } of group) certificatePlaces.set(id, certificatePlaces.size);
    const packed: PackedCertificate[] = group.map((certificate) => {
      const { chainPem } = certificate;
      return { ...certificate, chainPem: isLatin1(chainPem) ? chainPem.length : chainPem };
    });
    yield toJson(packed);
    const chains = group.map(({ chainPem }) => (isLatin1(chainPem) ? chainPem : ''));
    // Never empty, whatever the chains are.
    yield Buffer.from(`\n${chains.join('')}`, 'latin1');
  }
  const apiPlaces = new Map<ApiId, number>();
  for (const entities of groups(apis.values())) {
    for (const { id } of entities) apiPlaces.set(id, apiPlaces.size);
    const owned = entities.map((api) => ownedByApi(state, api));
    const changed = entities.map(({ id }) => changedAt.get(id) ?? -1);
    yield toJson({ entities, owned, changed } satisfies Group<Api>);
  }
  for (const group of groups(plugins.values())) {
    const entities = group.map((plugin) => packPlugin(plugin, apiPlaces, certificatePlaces));
    const owned = group.map((plugin) =>
      state.pluginIdByScope.get(scopeOf(plugin)) === plugin.id ? owns.scope : 0,
    );
    const changed = group.map(({ id }) => changedAt.get(id) ?? -1);
    yield toJson({ entities, owned, changed } satisfies Group<PackedPlugin>);
  }
}

/** @throws Error for parts that `stateToParts` of this form did not write. */
export async function stateFromParts(parts: AsyncIterable<Uint8Array>): Promise<StateWithDigest> {
  const reader = parts[Symbol.asyncIterator]();
  const next = async () => {
    const { done, value } = await reader.next();
    if (done) throw new Error('the snapshot ends too early');
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  };
  // Used only if the store finds at the end that these are the bytes that were saved, under our form.
  const json = async <Value>() => JSON.parse((await next()).toString('utf8')) as Value;
  const head = await json<Head>();
  const certificates: Certificate[] = [];
  while (certificates.length < head.certificates) {
    const group = await json<PackedCertificate[]>();
    const chains = (await next()).toString('latin1');
    let offset = 1;
    for (const packed of group) {
      const chain = packed.chainPem;
      if (typeof chain === 'number') {
        packed.chainPem = chains.slice(offset, offset + chain);
        offset += chain;
      }
      // Its chain is a string now.
      certificates.push(packed as Certificate);
    }
  }
  const builder = new StateBuilder(head, certificates);
  while (builder.apis.length < head.apis) builder.addApis(await json<Group<Api>>());
  while (builder.plugins.length < head.plugins) {
    builder.addPlugins(await json<Group<PackedPlugin>>());
  }
  if (!(await reader.next()).done) throw new Error('the snapshot goes on after its end');
  return { state: builder.state(), digest: head.digest ?? undefined };
}

class StateBuilder {
  readonly apis: Api[] = [];
  readonly plugins: SslPlugin[] = [];
  readonly #head: Head;
  readonly #certificates: readonly Certificate[];
  readonly #byName: Api[] = [];
  readonly #byHost: Api[] = [];
  readonly #byPath: Api[] = [];
  readonly #byScope: SslPlugin[] = [];
  readonly #changes: Change[];

  constructor(head: Head, certificates: readonly Certificate[]) {
    this.#head = head;
    this.#certificates = certificates;
    this.#changes = [...head.otherChanges];
  }

  addApis({ entities, owned, changed }: Group<Api>): void {
    for (const [index, api] of entities.entries()) {
      const bits = owned[index] ?? 0;
      this.apis.push(api);
      if (bits & owns.name) this.#byName.push(api);
      if (bits & owns.host) this.#byHost.push(api);
      if (bits & owns.path) this.#byPath.push(api);
      this.#noteChange(api.id, changed[index]);
    }
  }

  addPlugins({ entities, owned, changed }: Group<PackedPlugin>): void {
    for (const [index, packed] of entities.entries()) {
      if (packed.apiId !== undefined) packed.apiId = idAt(packed.apiId, this.apis);
      packed.config.certificateId = idAt(packed.config.certificateId, this.#certificates);
      // Its places are ids now.
      const plugin = packed as SslPlugin;
      this.plugins.push(plugin);
      if ((owned[index] ?? 0) & owns.scope) this.#byScope.push(plugin);
      this.#noteChange(plugin.id, changed[index]);
    }
  }

  state(): GatewayState {
    const certificates = this.#certificates;
    return {
      logId: this.#head.logId ?? undefined,
      apis: toMap(this.apis, (api) => [api.id, api]),
      apiIdByName: toMap(this.#byName, (api) => [api.name, api.id]),
      apiIdByHost: toMap(this.#byHost, (api) => [hostKey(api) ?? '', api.id]),
      apiIdByPath: toMap(this.#byPath, (api) => [api.requestPath ?? '', api.id]),
      plugins: toMap(this.plugins, (plugin) => [plugin.id, plugin]),
      pluginIdByScope: toMap(this.#byScope, (plugin) => [scopeOf(plugin), plugin.id]),
      certificates: toMap(certificates, (certificate) => [certificate.id, certificate]),
      usesByCertificate: PersistentRelation.of(
        this.plugins.map(({ config, id }) => [config.certificateId, id] as const),
      ),
      certificateIdsByLeaf: PersistentRelation.of(
        certificates.map(({ fingerprint256, id }) => [fingerprint256, id] as const),
      ),
      keysToErase: new PersistentMap(new Map(this.#head.keysToErase)),
      nodes: ImmutableMap(this.#head.nodes.map((node) => [node.id, node])),
      servedByNode: ImmutableMap(this.#head.servedByNode),
      changedAt: new PersistentMap(new Map(this.#changes)),
      idempotentWrites: OrderedMap(this.#head.idempotentWrites),
    };
  }

  #noteChange(id: ApiId | PluginId, changed: Revision | -1 | undefined): void {
    if (changed !== undefined && changed !== -1) this.#changes.push([id, changed]);
  }
}

function ownedByApi(state: GatewayState, api: Api): number {
  const { id, name, requestPath } = api;
  const host = hostKey(api);
  return (
    (state.apiIdByName.get(name) === id ? owns.name : 0) |
    (host !== undefined && state.apiIdByHost.get(host) === id ? owns.host : 0) |
    (requestPath !== undefined && state.apiIdByPath.get(requestPath) === id ? owns.path : 0)
  );
}

function packPlugin(
  plugin: SslPlugin,
  apiPlaces: ReadonlyMap<ApiId, number>,
  certificatePlaces: ReadonlyMap<CertificateId, number>,
): PackedPlugin {
  const { apiId, config } = plugin;
  const certificateId = certificatePlaces.get(config.certificateId) ?? config.certificateId;
  const packed = { ...plugin, config: { ...config, certificateId } };
  return apiId === undefined ? packed : { ...packed, apiId: apiPlaces.get(apiId) ?? apiId };
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

function isLatin1(text: string): boolean {
  return /^[\0-\xff]*$/.test(text);
}

function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function* groups<Item>(items: Iterable<Item>): Generator<readonly Item[]> {
  let group: Item[] = [];
  for (const item of items) {
    if (group.push(item) < entitiesPerGroup) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

function toMap<Item, Key, Value>(
  items: readonly Item[],
  entry: (item: Item) => readonly [Key, Value],
): PersistentMap<Key, Value> {
  return new PersistentMap(new Map(items.map(entry)));
}

import type { GatewayEvent, RecordedEvent } from '../../shared/events.js';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  SslPlugin,
} from '../../shared/gateway-model.js';
import { pluginOfApi } from '../domain/bindings.js';
import type { GatewayState } from '../domain/state.js';
import type { ControlState } from '../ports/control-state.js';

/** A `request_host` with what it serves. */
export interface HostEntry {
  /** Lower case. */
  readonly host: string;
  readonly api: Api;
  /** In effect: the API's own, else the one for all APIs. */
  readonly plugin?: SslPlugin;
  readonly certificate?: Certificate;
}

export type HostOrder = 'host' | 'expiry';

export interface HostQuery {
  /** Part of a host's or an API's name, or the beginning of a leaf's fingerprint. */
  readonly search?: string;
  readonly order?: HostOrder;
  /** Only hosts whose certificate ends in `[from, until)`, milliseconds since the epoch. */
  readonly expiresFrom?: number;
  readonly expiresUntil?: number;
  /** Only hosts with a certificate of their own or none. */
  readonly isBound?: boolean;
  readonly offset: number;
  readonly limit: number;
}

export interface HostPage {
  readonly total: number;
  readonly entries: readonly HostEntry[];
}

/** Hosts by what is left of their certificates. */
export interface ExpiryCount {
  /** Hosts that show the default certificate. */
  readonly withoutCertificate: number;
  /** Whole days from now to the end of the certificate (negative: it ended) and so many hosts, ascending. */
  readonly days: readonly (readonly [daysLeft: number, hosts: number])[];
}

const dayMs = 86_400_000;

/**
 * Every host with its certificate, searched and in order. An entry is made anew only when an event
 * touches its API, and the orders are mended rather than made: with 100,000 hosts a page of a search
 * costs some milliseconds, of a list a fraction of one. Made at the first question, so that a control
 * plane that nobody looks at keeps none of this.
 */
export class HostDirectory {
  readonly #control: ControlState;
  readonly #entries = new Map<ApiId, HostEntry>();
  readonly #orders: Record<HostOrder, HostEntry[]> = { host: [], expiry: [] };
  /** APIs whose place in an order is not known to be right. */
  readonly #unsorted: Record<HostOrder, Set<ApiId>> = { host: new Set(), expiry: new Set() };
  readonly #unsubscribe: () => void;
  #found: { readonly key: string; readonly entries: readonly HostEntry[] } | undefined;

  constructor(control: ControlState) {
    this.#control = control;
    this.#rebuild(control.state);
    this.#unsubscribe = control.onRecorded((events, before, after) =>
      this.#follow(events, before, after),
    );
  }

  close(): void {
    this.#unsubscribe();
  }

  get size(): number {
    return this.#entries.size;
  }

  find(query: HostQuery): HostPage {
    const found = this.#matching(query);
    return {
      total: found.length,
      entries: found.slice(query.offset, query.offset + query.limit),
    };
  }

  /** The entry of exactly this `request_host`, wildcards taken literally. */
  entry(host: string): HostEntry | undefined {
    const id = this.#control.state.apiIdByHost.get(host.toLowerCase());
    return id === undefined ? undefined : this.#entries.get(id);
  }

  expiries(now: number): ExpiryCount {
    const days: [number, number][] = [];
    let withoutCertificate = 0;
    for (const { certificate } of this.#ordered('expiry')) {
      if (certificate === undefined) {
        withoutCertificate++;
        continue;
      }
      const day = Math.floor((certificate.notAfter - now) / dayMs);
      const last = days.at(-1);
      if (last?.[0] === day) last[1]++;
      else days.push([day, 1]);
    }
    return { withoutCertificate, days };
  }

  /** Pages of one search come one after the other: what was found is kept until something changes. */
  #matching(query: HostQuery): readonly HostEntry[] {
    const { search = '', order = 'host', expiresFrom, expiresUntil, isBound } = query;
    const key = JSON.stringify([search, order, expiresFrom, expiresUntil, isBound]);
    if (this.#found?.key === key) return this.#found.entries;
    const all = this.#ordered(order);
    const tests = testsOf(query);
    const entries =
      tests.length === 0 ? all : all.filter((entry) => tests.every((passes) => passes(entry)));
    this.#found = { key, entries };
    return entries;
  }

  #ordered(order: HostOrder): readonly HostEntry[] {
    const unsorted = this.#unsorted[order];
    if (unsorted.size === 0) return this.#orders[order];
    const kept = this.#orders[order].filter(({ api }) => !unsorted.has(api.id));
    const moved = [...unsorted].flatMap((id) => this.#entries.get(id) ?? []);
    const sorted = merge(kept, moved, order === 'host' ? byHost : byExpiry);
    this.#orders[order] = sorted;
    unsorted.clear();
    return sorted;
  }

  #follow(events: readonly RecordedEvent[], before: GatewayState, after: GatewayState): void {
    const touched = new Set<ApiId>();
    for (const { event } of events) {
      const ids = apisTouched(event, before, after);
      if (ids === 'all') {
        this.#rebuild(after);
        return;
      }
      for (const id of ids) touched.add(id);
    }
    for (const id of touched) this.#update(id, after);
    if (touched.size > 0) this.#found = undefined;
  }

  #update(id: ApiId, state: GatewayState): void {
    const entry = entryOf(state, id);
    if (entry === undefined) this.#entries.delete(id);
    else this.#entries.set(id, entry);
    for (const unsorted of Object.values(this.#unsorted)) unsorted.add(id);
  }

  #rebuild(state: GatewayState): void {
    this.#entries.clear();
    for (const id of state.apis.keys()) {
      const entry = entryOf(state, id);
      if (entry !== undefined) this.#entries.set(id, entry);
    }
    for (const order of ['host', 'expiry'] as const) {
      this.#orders[order] = [];
      this.#unsorted[order] = new Set(this.#entries.keys());
    }
    this.#found = undefined;
  }
}

function entryOf(state: GatewayState, id: ApiId): HostEntry | undefined {
  const api = state.apis.get(id);
  if (api?.requestHost === undefined) return undefined;
  const plugin = pluginOfApi(state, id);
  const certificate = plugin && state.certificates.get(plugin.config.certificateId);
  return {
    host: api.requestHost.toLowerCase(),
    api,
    ...(plugin !== undefined && { plugin }),
    ...(certificate !== undefined && { certificate }),
  };
}

/** A plugin without an API concerns them all. */
function apisTouched(
  event: GatewayEvent,
  before: GatewayState,
  after: GatewayState,
): readonly ApiId[] | 'all' {
  switch (event.type) {
    case 'ApiAdded':
    case 'ApiUpdated':
      return [event.data.api.id];
    case 'ApiDeleted':
      return [event.data.apiId];
    case 'PluginAdded':
    case 'PluginUpdated':
      return scopesOf(event.data.plugin, before.plugins.get(event.data.plugin.id));
    case 'PluginDeleted': {
      // Added and deleted in one batch: the event that added it has named its API.
      const plugin = before.plugins.get(event.data.pluginId);
      return plugin === undefined ? [] : scopesOf(plugin, after.plugins.get(plugin.id));
    }
    case 'CertUploaded':
      return scopesOf(...usersOf(event.data.certificate.id, before, after));
    case 'KeyErased':
      return scopesOf(...usersOf(event.data.certificateId, before, after));
    case 'LogCreated':
    case 'NodeAdmitted':
    case 'NodeRevoked':
    case 'RevisionServed':
    case 'NothingChanged':
      return [];
    default: {
      const unknown: never = event;
      return unknown;
    }
  }
}

function usersOf(id: CertificateId, ...states: readonly GatewayState[]): readonly SslPlugin[] {
  return states.flatMap(({ usesByCertificate, plugins }) =>
    usesByCertificate.membersOf(id).flatMap((pluginId) => plugins.get(pluginId) ?? []),
  );
}

function scopesOf(...plugins: readonly (SslPlugin | undefined)[]): readonly ApiId[] | 'all' {
  const ids: ApiId[] = [];
  for (const plugin of plugins) {
    if (plugin === undefined) continue;
    if (plugin.apiId === undefined) return 'all';
    ids.push(plugin.apiId);
  }
  return ids;
}

function testsOf(query: HostQuery): readonly ((entry: HostEntry) => boolean)[] {
  const { search, expiresFrom, expiresUntil, isBound } = query;
  const tests: ((entry: HostEntry) => boolean)[] = [];
  if (isBound !== undefined) {
    tests.push(({ certificate }) => (certificate !== undefined) === isBound);
  }
  if (expiresFrom !== undefined || expiresUntil !== undefined) {
    const from = expiresFrom ?? -Infinity;
    const until = expiresUntil ?? Infinity;
    tests.push(
      ({ certificate }) =>
        certificate !== undefined && certificate.notAfter >= from && certificate.notAfter < until,
    );
  }
  const text = search?.trim().toLowerCase();
  if (text) {
    const hex = text.replaceAll(':', '');
    tests.push(
      ({ host, api, certificate }) =>
        host.includes(text) ||
        api.name.toLowerCase().includes(text) ||
        certificate?.fingerprint256.startsWith(hex) === true,
    );
  }
  return tests;
}

/** A few entries into many that are sorted: a binary search each, and one copy. */
function merge(
  sorted: readonly HostEntry[],
  more: readonly HostEntry[],
  inOrder: (a: HostEntry, b: HostEntry) => number,
): HostEntry[] {
  const merged: HostEntry[] = [];
  let copied = 0;
  for (const entry of [...more].sort(inOrder)) {
    let [low, high] = [copied, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = sorted[middle];
      if (other !== undefined && inOrder(other, entry) < 0) low = middle + 1;
      else high = middle;
    }
    for (; copied < low; copied++) {
      const other = sorted[copied];
      if (other !== undefined) merged.push(other);
    }
    merged.push(entry);
  }
  return merged.concat(sorted.slice(copied));
}

function byHost(a: HostEntry, b: HostEntry): number {
  return compare(a.host, b.host) || compare(a.api.id, b.api.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Soonest first; hosts without a certificate at the end. */
function byExpiry(a: HostEntry, b: HostEntry): number {
  const left = a.certificate?.notAfter ?? Infinity;
  const right = b.certificate?.notAfter ?? Infinity;
  return left < right ? -1 : left > right ? 1 : byHost(a, b);
}

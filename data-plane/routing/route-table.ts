import { LRUCache } from 'lru-cache';
import type { CertificateId } from '../../shared/gateway-model.js';
import { type Hostname, parseHostname, parseHostPattern } from '../../shared/hostname.js';
import type { AppliedChanges, NodeStoreReader, RoutedApi } from '../store/node-store.js';
import { PathIndex } from './path-index.js';
import { compileRoute, type Route } from './route.js';
import { WildcardIndex } from './wildcard-index.js';

/** How a request was matched; what is told to the upstream depends on it. */
export type Match =
  | { readonly by: 'host'; readonly route: Route; readonly host: Hostname }
  | { readonly by: 'wildcard'; readonly route: Route; readonly host: Hostname }
  | { readonly by: 'path'; readonly route: Route };

export interface RouteTableOptions {
  /** Compiled routes of exact hosts kept in memory; the rest are read from the store again. */
  readonly maxCachedHosts?: number;
  /** Names that are known to have no API of their own. A separate bound: a flood of made-up names evicts no route. */
  readonly maxUnknownHosts?: number;
}

/** What an API binds a server name to. */
export interface ServerNameBinding {
  /** In lower case: the name itself, or the pattern that it matches. */
  readonly requestHost: string;
  /** `undefined` where no ssl plugin is enabled. */
  readonly certificateId: CertificateId | undefined;
}

interface Patterns {
  readonly wildcards: WildcardIndex<Route>;
  readonly paths: PathIndex<Route>;
}

/**
 * Finds the API of a request or a handshake: one per worker thread, over that thread's store.
 *
 * Exact hosts are looked up in the store when first asked for, wildcards and paths are indexed in
 * memory, so the cost of an answer does not grow with the number of APIs.
 */
export class RouteTable {
  readonly #store: NodeStoreReader;
  readonly #exact: LRUCache<string, Route>;
  readonly #unknown: LRUCache<string, true>;
  #patterns: Patterns;

  constructor(store: NodeStoreReader, options: RouteTableOptions = {}) {
    this.#store = store;
    this.#exact = new LRUCache({ max: options.maxCachedHosts ?? 20_000 });
    this.#unknown = new LRUCache({ max: options.maxUnknownHosts ?? 20_000 });
    this.#patterns = indexPatterns(store);
  }

  /** Forgets what a new revision changed; to be called before the revision is reported as served. */
  refresh(changes: AppliedChanges): void {
    if (changes.hosts === 'all') {
      this.#exact.clear();
      this.#unknown.clear();
    } else {
      for (const host of changes.hosts) {
        this.#exact.delete(host);
        this.#unknown.delete(host);
      }
    }
    if (changes.hosts === 'all' || changes.patternsChanged) {
      this.#patterns = indexPatterns(this.#store);
    }
  }

  /** The API whose certificate a client with this SNI is shown: its exact host, else a wildcard. */
  selectByServerName(name: Hostname): Route | undefined {
    return this.#exactRoute(name) ?? this.#patterns.wildcards.mostSpecific(name);
  }

  /**
   * The same for a handshake, which needs no more of the API than what it binds. Nothing is remembered:
   * next to a handshake the look-up is nothing, and each name that a flood makes up would live just
   * long enough to become garbage that only a full collection finds.
   */
  bindingOfServerName(name: Hostname): ServerNameBinding | undefined {
    const bound = this.#store.bindingByHost(name);
    if (bound !== undefined) return { requestHost: name, certificateId: bound.certificateId };
    const wildcard = this.#patterns.wildcards.mostSpecific(name);
    const requestHost = wildcard?.api.requestHost?.toLowerCase();
    if (requestHost === undefined) return undefined;
    return { requestHost, certificateId: wildcard?.ssl?.config.certificateId };
  }

  /** The API of a `Host` or `X-Host-Override` name: exact, then wildcard. */
  selectByHost(host: Hostname): Match | undefined {
    const exact = this.#exactRoute(host);
    if (exact !== undefined) return { by: 'host', route: exact, host };
    const wildcard = this.#patterns.wildcards.mostSpecific(host);
    return wildcard && { by: 'wildcard', route: wildcard, host };
  }

  /** The API with the longest `request_path` that `path`, as sent and without the query, begins with. */
  selectByPath(path: string): Match | undefined {
    const route = this.#patterns.paths.longestMatch(path);
    return route && { by: 'path', route };
  }

  /**
   * Kong's order: `Host` (exact, wildcard), each `X-Host-Override` (exact, wildcard), path (longest).
   * Any host match goes before any path match.
   */
  route(host: Hostname | undefined, overrides: readonly string[], path: string): Match | undefined {
    if (host !== undefined) {
      const match = this.selectByHost(host);
      if (match !== undefined) return match;
    }
    for (const override of overrides) {
      const name = parseHostname(withoutPort(override));
      const match = name && this.selectByHost(name);
      if (match !== undefined) return match;
    }
    return this.selectByPath(path);
  }

  #exactRoute(host: Hostname): Route | undefined {
    const known = this.#exact.get(host);
    if (known !== undefined) return known;
    if (this.#unknown.get(host) !== undefined) return undefined;
    const routed = this.#store.apiByHost(host);
    if (routed === undefined) {
      this.#unknown.set(host, true);
      return undefined;
    }
    const route = compileRoute(routed);
    this.#exact.set(host, route);
    return route;
  }
}

/** Everything from the first colon on is the port, as in Kong. */
export function withoutPort(host: string): string {
  const colon = host.indexOf(':');
  return colon === -1 ? host : host.slice(0, colon);
}

function indexPatterns(store: NodeStoreReader): Patterns {
  const wildcards = new WildcardIndex<Route>();
  const paths = new PathIndex<Route>();
  // An API with a wildcard and a path is one route in both indexes.
  const routes = new Map<string, Route>();
  const routeOf = (routed: RoutedApi) => {
    const route = routes.get(routed.api.id) ?? compileRoute(routed);
    routes.set(routed.api.id, route);
    return route;
  };
  for (const routed of store.wildcardApis()) {
    const pattern =
      routed.api.requestHost === undefined ? undefined : parseHostPattern(routed.api.requestHost);
    if (pattern !== undefined) wildcards.set(pattern, routeOf(routed));
  }
  for (const routed of store.pathApis()) {
    if (routed.api.requestPath !== undefined) paths.set(routed.api.requestPath, routeOf(routed));
  }
  return { wildcards, paths };
}

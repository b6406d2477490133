import type { NodeStoreReader, RoutedApi } from '../../../data-plane/store/node-store.js';
import type {
  Api,
  ApiId,
  CertificateId,
  PluginId,
  SslPluginRules,
} from '../../../shared/gateway-model.js';
import { revision } from '../../../shared/revision.js';

/** An API as tests describe it; what is left out has Kong's default. */
export interface ApiSpec {
  readonly name?: string;
  readonly host?: string;
  readonly path?: string;
  readonly upstream: string;
  readonly strip?: boolean;
  readonly preserveHost?: boolean;
  readonly reach?: Pick<Api, 'upstreamTargets' | 'upstreamCa' | 'upstreamVerify'>;
  readonly ssl?: Partial<SslPluginRules> & { readonly acceptTerminated?: boolean };
}

export function routedApi(spec: ApiSpec, index = 0): RoutedApi {
  const id = `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
  const api: Api = {
    id: id as ApiId, // a test's id is valid by construction
    createdAt: 1,
    name: spec.name ?? `api-${index}`,
    upstreamUrl: spec.upstream,
    stripRequestPath: spec.strip ?? false,
    preserveHost: spec.preserveHost ?? false,
    ...(spec.host === undefined ? {} : { requestHost: spec.host }),
    ...(spec.path === undefined ? {} : { requestPath: spec.path }),
    ...spec.reach,
  };
  if (spec.ssl === undefined) return { api, ssl: undefined };
  const { acceptTerminated = false, ...rules } = spec.ssl;
  const ssl = {
    id: id as PluginId, // see above
    name: 'ssl' as const,
    apiId: api.id,
    createdAt: 1,
    enabled: true,
    config: {
      certificateId: id as CertificateId, // see above
      onlyHttps: false,
      acceptHttpIfAlreadyTerminated: acceptTerminated,
      ...rules,
    },
  };
  return { api, ssl };
}

/** A node store in memory whose APIs a test can replace; counts its lookups. */
export class MemoryStore implements NodeStoreReader {
  #apis: readonly RoutedApi[];
  lookups = 0;

  constructor(specs: readonly ApiSpec[]) {
    this.#apis = specs.map(routedApi);
  }

  replace(specs: readonly ApiSpec[]): void {
    this.#apis = specs.map(routedApi);
  }

  revision() {
    return revision(0);
  }

  apiByHost(host: string): RoutedApi | undefined {
    this.lookups++;
    return this.#apis.find(({ api }) => api.requestHost?.toLowerCase() === host);
  }

  bindingByHost(host: string) {
    const routed = this.apiByHost(host);
    return routed && { certificateId: routed.ssl?.config.certificateId };
  }

  wildcardApis(): readonly RoutedApi[] {
    return this.#apis.filter(({ api }) => api.requestHost?.includes('*'));
  }

  pathApis(): readonly RoutedApi[] {
    return this.#apis.filter(({ api }) => api.requestPath !== undefined);
  }

  certificate(): undefined {}

  fingerprint(): undefined {}

  lastGoodCertificate(): undefined {}

  unprovedHosts(): readonly string[] {
    return [];
  }

  close(): void {}
}

import type {
  Api,
  HttpsRedirectStatusCode,
  SslPlugin,
  SslPluginRules,
} from '../../shared/gateway-model.js';
import type { RoutedApi } from '../store/node-store.js';
import { compileUpstream, type UpstreamTarget } from './upstream-target.js';

/** An API compiled for the request path: nothing in it is parsed again per request. */
export interface Route {
  readonly api: Api;
  /** The enabled ssl plugin that applies. */
  readonly ssl: SslPlugin | undefined;
  /** `undefined` if the stored URL can't be used; such requests are answered 502. */
  readonly target: UpstreamTarget | undefined;
  /** Prefix that is taken off a path this route was found by; `undefined` if none is. */
  readonly strippedPrefix: string | undefined;
  readonly onlyHttps: boolean;
  readonly acceptsTerminatedHttps: boolean;
  readonly httpsRedirectStatusCode: HttpsRedirectStatusCode;
  /** Value of `Strict-Transport-Security` in answers over HTTPS. */
  readonly hsts: string | undefined;
}

export function compileRoute({ api, ssl }: RoutedApi): Route {
  const strips = api.stripRequestPath && api.requestPath !== undefined && api.requestPath !== '/';
  return {
    api,
    ssl,
    target: compileUpstream(api),
    strippedPrefix: strips ? api.requestPath : undefined,
    onlyHttps: ssl?.config.onlyHttps ?? false,
    acceptsTerminatedHttps: ssl?.config.acceptHttpIfAlreadyTerminated ?? false,
    httpsRedirectStatusCode: ssl?.config.httpsRedirectStatusCode ?? 426,
    hsts: ssl && strictTransportSecurity(ssl.config),
  };
}

/** RFC 6797 §6.1; `preload` is the browsers' own. */
function strictTransportSecurity(rules: SslPluginRules): string | undefined {
  if (rules.hstsMaxAge === undefined) return undefined;
  const subdomains = rules.hstsIncludeSubdomains === true ? '; includeSubDomains' : '';
  const preload = rules.hstsPreload === true ? '; preload' : '';
  return `max-age=${rules.hstsMaxAge}${subdomains}${preload}`;
}

/**
 * The path that the upstream is asked for. Paths stay percent-encoded as they came. A path that is
 * stripped to nothing becomes `/`, or nothing at all after an upstream URL with a path of its own.
 */
export function upstreamPath(route: Route, target: UpstreamTarget, path: string, byPath: boolean) {
  if (!byPath || route.strippedPrefix === undefined) return target.basePath + path;
  const rest = path.slice(route.strippedPrefix.length);
  if (rest === '') return target.basePath === '' ? '/' : target.basePath;
  return target.basePath + rest;
}

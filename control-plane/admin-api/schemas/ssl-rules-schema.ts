import type { SslPluginRules } from '../../../shared/gateway-model.js';
import type { HttpsSettings } from '../../domain/commands.js';
import type { RawValue } from '../body/raw-value.js';
import { type Input, unsetFields } from './fields.js';

/** What the ssl plugin does about HTTPS beyond Kong's. */
const httpsFields = {
  https_redirect_status_code: {
    type: 'integer',
    optional: true,
    unsettable: true,
    minimum: 301,
    maximum: 426,
    enum: [301, 302, 307, 308, 426],
    default: 426,
    description:
      'How `only_https` answers plain HTTP: 426, or a redirect if `Host` matches a `request_host`.',
  },
  hsts_max_age: {
    type: 'integer',
    optional: true,
    unsettable: true,
    minimum: 0,
    maximum: 2_147_483_647,
    description:
      'Seconds for `Strict-Transport-Security` on answers over HTTPS; 0 makes browsers forget it. Absent: no such header.',
  },
  hsts_include_subdomains: {
    type: 'boolean',
    optional: true,
    unsettable: true,
    default: false,
    description: 'Whether it holds for all subdomains too.',
  },
  hsts_preload: {
    type: 'boolean',
    optional: true,
    unsettable: true,
    default: false,
    description:
      'Whether browsers may build it in: with `hsts_include_subdomains` and a year of `hsts_max_age`.',
  },
} as const;

/** Settings of the ssl plugin besides the certificate: Kong's two, then ours. */
export const sslRuleFields = {
  only_https: {
    type: 'boolean',
    default: false,
    description: 'Whether plain HTTP is refused with 426.',
  },
  accept_http_if_already_terminated: {
    type: 'boolean',
    default: false,
    description: 'Whether plain HTTP with `X-Forwarded-Proto: https` counts as HTTPS.',
  },
  ...httpsFields,
} as const;

/** The given settings, without the certificate and its key. */
export function readRules(config: Input<typeof sslRuleFields> = {}): Partial<SslPluginRules> {
  return {
    ...(config.only_https !== undefined && { onlyHttps: config.only_https }),
    ...(config.accept_http_if_already_terminated !== undefined && {
      acceptHttpIfAlreadyTerminated: config.accept_http_if_already_terminated,
    }),
    ...(config.https_redirect_status_code !== undefined && {
      httpsRedirectStatusCode: config.https_redirect_status_code,
    }),
    ...(config.hsts_max_age !== undefined && { hstsMaxAge: config.hsts_max_age }),
    ...(config.hsts_include_subdomains !== undefined && {
      hstsIncludeSubdomains: config.hsts_include_subdomains,
    }),
    ...(config.hsts_preload !== undefined && { hstsPreload: config.hsts_preload }),
  };
}

/** The settings that a change of a plugin's `config` takes away. */
export function readUnsetRules(config: RawValue | undefined): readonly (keyof HttpsSettings)[] {
  if (!(config instanceof Map)) return [];
  return unsetFields(httpsFields, config).map((field) => settingOf[field]);
}

const settingOf = {
  https_redirect_status_code: 'httpsRedirectStatusCode',
  hsts_max_age: 'hstsMaxAge',
  hsts_include_subdomains: 'hstsIncludeSubdomains',
  hsts_preload: 'hstsPreload',
} as const;

/** Inverse of `readRules`. What Kong has not is left out unless it was given. */
export function presentRules(rules: SslPluginRules) {
  return {
    only_https: rules.onlyHttps,
    accept_http_if_already_terminated: rules.acceptHttpIfAlreadyTerminated,
    ...(rules.httpsRedirectStatusCode !== undefined && {
      https_redirect_status_code: rules.httpsRedirectStatusCode,
    }),
    ...(rules.hstsMaxAge !== undefined && { hsts_max_age: rules.hstsMaxAge }),
    ...(rules.hstsIncludeSubdomains !== undefined && {
      hsts_include_subdomains: rules.hstsIncludeSubdomains,
    }),
    ...(rules.hstsPreload !== undefined && { hsts_preload: rules.hstsPreload }),
  };
}

/** What is taken but probably not meant, one sentence each. Plain ASCII, fit for a header. */
export function ruleWarnings(rules: SslPluginRules): readonly string[] {
  const { hstsMaxAge, hstsIncludeSubdomains = false, hstsPreload = false } = rules;
  const warnings: string[] = [];
  if (rules.httpsRedirectStatusCode !== undefined && !rules.onlyHttps) {
    warnings.push('https_redirect_status_code does nothing without only_https');
  }
  if (hstsMaxAge === undefined && (hstsIncludeSubdomains || hstsPreload)) {
    warnings.push('hsts_include_subdomains and hsts_preload do nothing without hsts_max_age');
  } else if (hstsPreload && !(hstsIncludeSubdomains && Number(hstsMaxAge) >= preloadMaxAge)) {
    const wanted = `hsts_include_subdomains and an hsts_max_age of at least ${preloadMaxAge}`;
    warnings.push(`browsers take hsts_preload only with ${wanted}`);
  }
  return warnings;
}

/** What the browsers' preload list asks for (hstspreload.org), in seconds. */
const preloadMaxAge = 31_536_000;

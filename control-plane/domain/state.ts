import { Map as ImmutableMap, type Set as ImmutableSet } from 'immutable';
import type {
  Api,
  ApiId,
  Certificate,
  CertificateId,
  KeyId,
  PluginId,
  SslPlugin,
} from '../../shared/gateway-model.js';

/**
 * The whole configuration at one revision. Persistent maps: a fork for a dry run, a state of the past
 * and a difference of two states cost nothing to hold and share all that is equal.
 */
export interface GatewayState {
  readonly logId: string | undefined;
  readonly apis: ImmutableMap<ApiId, Api>;
  readonly apiIdByName: ImmutableMap<string, ApiId>;
  /** By `request_host` in lower case: two spellings would be one SNI (RFC 4343). */
  readonly apiIdByHost: ImmutableMap<string, ApiId>;
  readonly apiIdByPath: ImmutableMap<string, ApiId>;
  readonly plugins: ImmutableMap<PluginId, SslPlugin>;
  /** The ssl plugin of an API, or under `all` the one without an API. */
  readonly pluginIdByScope: ImmutableMap<ApiId | 'all', PluginId>;
  readonly certificates: ImmutableMap<CertificateId, Certificate>;
  /** Certificates that at least one plugin uses. */
  readonly usesByCertificate: ImmutableMap<CertificateId, ImmutableSet<PluginId>>;
  /** Certificates without a use whose key is still in the vault: their keys are to be erased. */
  readonly keysToErase: ImmutableMap<CertificateId, KeyId>;
}

export const initialState: GatewayState = {
  logId: undefined,
  apis: ImmutableMap(),
  apiIdByName: ImmutableMap(),
  apiIdByHost: ImmutableMap(),
  apiIdByPath: ImmutableMap(),
  plugins: ImmutableMap(),
  pluginIdByScope: ImmutableMap(),
  certificates: ImmutableMap(),
  usesByCertificate: ImmutableMap(),
  keysToErase: ImmutableMap(),
};

import { X509Certificate } from 'node:crypto';
import { type AdminConnection, type Answer, text } from './admin-connection.js';

/** A certificate and the host that it is bound to, as the admin API shows them. */
export interface BoundCertificate {
  readonly api: string;
  /** The API's `request_host`; `*` for the certificate of all APIs without one. */
  readonly host: string;
  readonly pluginId: string;
  readonly enabled: boolean;
  readonly subjectAltName: string;
  /** SHA-256 of the leaf, 64 lower-case hex digits. */
  readonly fingerprint256: string;
  readonly notAfter: string;
}

/** Every host with a certificate of its own, soonest expiry first. */
export async function boundCertificates(admin: AdminConnection): Promise<BoundCertificate[]> {
  const apis = new Map<string, Answer>();
  for await (const api of admin.list('/apis')) apis.set(text(api, 'id'), api);
  const bound: BoundCertificate[] = [];
  for await (const plugin of admin.list('/plugins')) {
    if (plugin['name'] !== 'ssl') continue;
    const api = apis.get(text(plugin, 'api_id'));
    const leaf = leafOf(plugin);
    if (leaf === undefined) continue;
    bound.push({
      api: api === undefined ? '' : text(api, 'name'),
      host: api === undefined ? '*' : text(api, 'request_host'),
      pluginId: text(plugin, 'id'),
      enabled: plugin['enabled'] === true,
      subjectAltName: leaf.subjectAltName ?? '',
      fingerprint256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
      notAfter: new Date(leaf.validTo).toISOString(),
    });
  }
  return bound.sort((a, b) => a.notAfter.localeCompare(b.notAfter));
}

function leafOf(plugin: Answer): X509Certificate | undefined {
  const { config } = plugin;
  if (typeof config !== 'object' || config === null || !('cert' in config)) return undefined;
  return typeof config.cert === 'string' ? new X509Certificate(config.cert) : undefined;
}

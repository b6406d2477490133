import { type AdminClient, idOf } from '../../support/admin-client.js';
import type { TestCa } from '../../support/test-ca.js';

interface Wanted {
  readonly host: string;
  /** Days that the certificate is still good for; absent: none is bound. */
  readonly days?: number;
}

const lifetimeDays = 90;
const brands = [
  ...['atlas', 'borealis', 'cobalt', 'delta', 'ember', 'fjord', 'garnet', 'harbor', 'indigo'],
  ...['juniper', 'kestrel', 'lumen', 'meridian', 'nimbus', 'onyx', 'pioneer', 'quartz', 'ridge'],
];
const services = ['www', 'api', 'login', 'cdn', 'status'];

/** Some ninety hosts as they look after a few months: most renewed in time, a few not. */
export function usualHosts(): readonly Wanted[] {
  return brands.flatMap((brand, b) =>
    services.map((service, s): Wanted => {
      const host = `${service}.${brand}.example`;
      const n = b * services.length + s;
      if (n % 31 === 30) return { host };
      if (n === 17) return { host, days: -3 };
      if (n % 23 === 11) return { host, days: 4 + (n % 3) };
      return { host, days: 18 + ((n * 37) % 72) };
    }),
  );
}

/** Adds an API for each host and binds its certificate. */
export async function bindHosts(
  admin: AdminClient,
  ca: TestCa,
  upstreamUrl: string,
  hosts: readonly Wanted[],
): Promise<void> {
  for (const { host, days } of hosts) {
    const name = host.replace(/^www\./, '').replaceAll('.', '-');
    const api = idOf(await admin.addApi(name, host, upstreamUrl));
    if (days === undefined) continue;
    const { cert, key } = await ca.issue([host], { days, ageDays: lifetimeDays - days });
    const form = new FormData();
    form.set('name', 'ssl');
    form.set('config.cert', cert);
    form.set('config.key', key);
    idOf(await admin.send('POST', `/apis/${api}/plugins?allow_expired=true`, form));
  }
}

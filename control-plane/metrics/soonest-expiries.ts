import type { GatewayState } from '../domain/state.js';

export interface HostExpiry {
  /** `request_host`, `*` for the plugin of all APIs. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** States are immutable: what was computed for one holds as long as it is the current one. */
const computed = new WeakMap<GatewayState, readonly HostExpiry[]>();

/** The hosts whose bound certificates end first, soonest first. */
export function soonestExpiries(state: GatewayState, count: number): readonly HostExpiry[] {
  const known = computed.get(state);
  if (known !== undefined) return known.slice(0, count);
  const all: HostExpiry[] = [];
  for (const { apiId, config, enabled } of state.plugins.values()) {
    const certificate = state.certificates.get(config.certificateId);
    const host = apiId === undefined ? '*' : state.apis.get(apiId)?.requestHost;
    if (!enabled || certificate === undefined || host === undefined) continue;
    all.push({ host, notAfter: certificate.notAfter });
  }
  const soonest = all.sort((a, b) => a.notAfter - b.notAfter).slice(0, 1000);
  computed.set(state, soonest);
  return soonest.slice(0, count);
}

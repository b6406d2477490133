import type { GatewayState } from '../domain/state.js';

export interface HostExpiry {
  /** `request_host`, `*` for the plugin of all APIs. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** When the bound certificates of a state end. */
export interface Expiries {
  /** The hosts whose certificates end first, soonest first. */
  readonly soonest: readonly HostExpiry[];
  /** Hosts whose certificate has ended by then, in milliseconds since the epoch. */
  endedBy(time: number): number;
}

/** Labels by host would grow with the fleet; what an alert needs is which hosts end first. */
export const maxHostsShown = 100;

/** States are immutable: what was computed for one holds as long as it is the current one. */
const computed = new WeakMap<GatewayState, Expiries>();

export function expiriesOf(state: GatewayState): Expiries {
  const known = computed.get(state);
  if (known !== undefined) return known;
  const all: HostExpiry[] = [];
  for (const { apiId, config, enabled } of state.plugins.values()) {
    const certificate = state.certificates.get(config.certificateId);
    const host = apiId === undefined ? '*' : state.apis.get(apiId)?.requestHost;
    if (!enabled || certificate === undefined || host === undefined) continue;
    all.push({ host, notAfter: certificate.notAfter });
  }
  all.sort((a, b) => a.notAfter - b.notAfter);
  const ends = Float64Array.from(all, ({ notAfter }) => notAfter);
  const expiries: Expiries = {
    soonest: all.slice(0, maxHostsShown),
    endedBy: (time) => countUpTo(ends, time),
  };
  computed.set(state, expiries);
  return expiries;
}

/** How many of the sorted values are at most `limit`. */
function countUpTo(sorted: Float64Array, limit: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as number) <= limit) from = middle + 1;
    else to = middle;
  }
  return from;
}

import { type Answer, text } from '../admin-connection.js';

/** What one node does, at a moment. */
export interface NodeSample {
  readonly name: string;
  readonly connected: boolean;
  readonly revision: number | undefined;
  readonly lag: number | undefined;
  readonly rejected: number;
  readonly connections: number | undefined;
  /** Per second since the node was seen before; `undefined` until it was seen twice. */
  readonly handshakesPerSecond: number | undefined;
  readonly requestsPerSecond: number | undefined;
  readonly failuresPerSecond: number | undefined;
}

export interface FleetSample {
  readonly time: string;
  readonly revision: number | undefined;
  readonly hosts: number;
  /** Hosts whose certificate ends within 14 days, or has ended. */
  readonly expiring: number;
  readonly nodes: readonly NodeSample[];
}

const soonDays = 14;

interface Seen {
  readonly atMs: number;
  readonly handshakes: number | undefined;
  readonly requests: number | undefined;
  readonly failures: number | undefined;
}

/** Turns one overview after the other into samples: nodes tell counts, of which it makes rates. */
export class FleetSampler {
  readonly #seen = new Map<string, Seen>();
  readonly #rates = new Map<string, Rates>();

  /** @param overview of `GET /overview`. */
  take(overview: Answer): FleetSample {
    const nodes = answersIn(overview['nodes']).map((node) => this.#sampleOf(node));
    const expiring = Array.isArray(overview['expiring']) ? overview['expiring'] : [];
    const soon = expiring.filter((pair) => Array.isArray(pair) && Number(pair[0]) < soonDays);
    return {
      time: text(overview, 'time'),
      revision: numberOf(overview['revision']),
      hosts: numberOf(overview['hosts']) ?? 0,
      expiring: soon.reduce((total, pair) => total + Number(pair[1]), 0),
      nodes: nodes.sort((a, b) => a.name.localeCompare(b.name)),
    };
  }

  #sampleOf(node: Answer): NodeSample {
    const traffic = isAnswer(node['traffic']) ? node['traffic'] : {};
    const id = text(node, 'id');
    const now: Seen = {
      atMs: numberOf(node['last_seen_at']) ?? 0,
      handshakes: numberOf(traffic['tls_connections_accepted']),
      requests: numberOf(traffic['requests_total']),
      failures: numberOf(traffic['upstream_failures']),
    };
    const before = this.#seen.get(id);
    // Counts come with a node's signs of life, which are rarer than samples may be.
    if (before === undefined || now.atMs > before.atMs) {
      this.#seen.set(id, now);
      if (before !== undefined) this.#rates.set(id, ratesBetween(before, now));
    }
    const rejections = node['rejections'];
    return {
      name: text(node, 'name'),
      connected: node['connected'] === true,
      revision: numberOf(node['revision']),
      lag: numberOf(node['lag']),
      rejected: Array.isArray(rejections) ? rejections.length : 0,
      connections: numberOf(traffic['connections_active']),
      ...(this.#rates.get(id) ?? noRates),
    };
  }
}

type Rates = Pick<NodeSample, 'handshakesPerSecond' | 'requestsPerSecond' | 'failuresPerSecond'>;

const noRates: Rates = {
  handshakesPerSecond: undefined,
  requestsPerSecond: undefined,
  failuresPerSecond: undefined,
};

function ratesBetween(before: Seen, now: Seen): Rates {
  const seconds = (now.atMs - before.atMs) / 1000;
  const rate = (from: number | undefined, to: number | undefined) =>
    // A node that was started anew counts from 0.
    from === undefined || to === undefined || to < from
      ? undefined
      : Math.round(((to - from) / seconds) * 10) / 10;
  return {
    handshakesPerSecond: rate(before.handshakes, now.handshakes),
    requestsPerSecond: rate(before.requests, now.requests),
    failuresPerSecond: rate(before.failures, now.failures),
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null;
}

function answersIn(value: unknown): readonly Answer[] {
  return Array.isArray(value) ? value.filter(isAnswer) : [];
}

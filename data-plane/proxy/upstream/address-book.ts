import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

/** What a name resolved to, and until when that may be used. */
interface Resolution {
  readonly addresses: readonly string[];
  readonly expiresAt: number;
}

interface AddressHealth {
  failures: number;
  ejectedUntil: number;
}

/** Resolves a name; the default asks DNS for its time to live and falls back to the system's view. */
export type ResolveName = (hostname: string) => Promise<{
  readonly addresses: readonly string[];
  readonly ttlMs: number;
}>;

export interface AddressBookOptions {
  readonly resolve?: ResolveName;
  readonly now: () => number;
  readonly ejectAfterFailures: number;
  readonly ejectForMs: number;
}

const systemTtlMs = 10_000;
const minTtlMs = 1_000;
const maxTtlMs = 3_600_000;
const maxNames = 10_000;

/**
 * The addresses of upstreams: resolved once per time to live, handed out in turn, IPv6 and IPv4 by
 * turns (RFC 8305 §4), those that keep failing last. A name whose renewal fails keeps its old
 * addresses: an answer beats none.
 */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #resolve: ResolveName;
  readonly #names = new Map<string, Resolution>();
  readonly #pending = new Map<string, Promise<readonly string[]>>();
  readonly #health = new Map<string, AddressHealth>();
  #turn = 0;

  constructor(options: AddressBookOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? resolveByDns;
  }

  /** The addresses to try, best first, if no resolution is needed for them. */
  known(hostname: string): readonly string[] | undefined {
    if (isIP(hostname) !== 0) return [hostname];
    const resolution = this.#names.get(hostname);
    if (resolution === undefined || resolution.expiresAt <= this.#options.now()) return undefined;
    return this.#inTurn(resolution.addresses);
  }

  /** The same after asking; concurrent callers share one question. @throws the resolver's error. */
  async resolve(hostname: string): Promise<readonly string[]> {
    let pending = this.#pending.get(hostname);
    if (pending === undefined) {
      pending = this.#ask(hostname).finally(() => this.#pending.delete(hostname));
      this.#pending.set(hostname, pending);
    }
    return this.#inTurn(await pending);
  }

  /** Asks for a name whose time to live is over, so that `holds` tells the present. */
  renew(hostname: string): void {
    const expiresAt = this.#names.get(hostname)?.expiresAt ?? Number.POSITIVE_INFINITY;
    // Fails only for a name that was never known: this one keeps its old addresses.
    if (expiresAt <= this.#options.now()) void this.resolve(hostname);
  }

  /** Whether an address is still one of the name's; of a name never asked for, any is. */
  holds(hostname: string, address: string): boolean {
    return this.#names.get(hostname)?.addresses.includes(address) ?? true;
  }

  failed(address: string): void {
    const health = this.#health.get(address) ?? { failures: 0, ejectedUntil: 0 };
    health.failures++;
    if (health.failures >= this.#options.ejectAfterFailures) {
      health.ejectedUntil = this.#options.now() + this.#options.ejectForMs;
    }
    this.#health.set(address, health);
    dropOldest(this.#health);
  }

  succeeded(address: string): void {
    if (this.#health.size > 0) this.#health.delete(address);
  }

  async #ask(hostname: string): Promise<readonly string[]> {
    const stale = this.#names.get(hostname);
    try {
      const { addresses, ttlMs } = await this.#resolve(hostname);
      const lifeMs = Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
      this.#names.delete(hostname);
      this.#names.set(hostname, { addresses, expiresAt: this.#options.now() + lifeMs });
      dropOldest(this.#names);
      return addresses;
    } catch (error) {
      if (stale === undefined) throw error;
      const { addresses } = stale;
      this.#names.set(hostname, { addresses, expiresAt: this.#options.now() + systemTtlMs });
      return addresses;
    }
  }

  #inTurn(addresses: readonly string[]): readonly string[] {
    if (addresses.length < 2) return addresses;
    const first = this.#turn++ % addresses.length;
    const rotated = byTurns([...addresses.slice(first), ...addresses.slice(0, first)]);
    if (this.#health.size === 0) return rotated;
    const now = this.#options.now();
    const ejected = (address: string) => (this.#health.get(address)?.ejectedUntil ?? 0) > now;
    return [...rotated.filter((a) => !ejected(a)), ...rotated.filter(ejected)];
  }
}

/** The families alternate, the first one's first: where one of them leads nowhere, the other is next. */
function byTurns(addresses: readonly string[]): readonly string[] {
  const isFirst = (address: string) => isIP(address) === isIP(addresses[0] ?? '');
  const ours = addresses.filter(isFirst);
  const others = addresses.filter((address) => !isFirst(address));
  if (others.length === 0) return addresses;
  const longest = Math.max(ours.length, others.length);
  return Array.from({ length: longest }, (_, n) => [
    ...ours.slice(n, n + 1),
    ...others.slice(n, n + 1),
  ]).flat();
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= maxNames) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}

/**
 * The system's answer (hosts file, search domains) decides which addresses; DNS adds how long they
 * hold, where it knows the very same ones.
 */
async function resolveByDns(hostname: string) {
  const found = await lookup(hostname, { all: true, order: 'verbatim' });
  const addresses = [...new Set(found.map(({ address }) => address))];
  return { addresses, ttlMs: await timeToLive(hostname, addresses) };
}

async function timeToLive(hostname: string, addresses: readonly string[]): Promise<number> {
  if (!hostname.includes('.')) return systemTtlMs;
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  const answers = await Promise.allSettled([
    resolver.resolve4(hostname, { ttl: true }),
    resolver.resolve6(hostname, { ttl: true }),
  ]);
  const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const ours = records.filter(({ address }) => addresses.includes(address));
  return ours.length === 0 ? systemTtlMs : Math.min(...ours.map(({ ttl }) => ttl)) * 1000;
}

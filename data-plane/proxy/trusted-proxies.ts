import { BlockList, isIP } from 'node:net';

/** Who sent a request, and the list of addresses that is passed on. */
export interface ForwardedClient {
  /** For `X-Real-IP`. */
  readonly address: string;
  /** For `X-Forwarded-For`. */
  readonly chain: string;
  /** Whether the peer's other `X-Forwarded-*` may be passed on. */
  readonly isTrusted: boolean;
  /** Whether the peer is one of the proxies given by name; only such a one's `Forwarded` is continued. */
  readonly isConfigured: boolean;
}

/** Whose `X-Forwarded-*` are believed. */
export interface TrustedProxies {
  /** @param forwardedFor the list that the peer sent. */
  clientOf(peer: string, forwardedFor: string | undefined): ForwardedClient;
}

/**
 * Kong's default for what Kong knew (`X-Forwarded-*`), for gateways that only a load balancer can reach: everybody is believed, the
 * client is the first of the list, and it is what is added to it.
 */
export const trustEverybody: TrustedProxies = {
  clientOf(peer, forwardedFor) {
    const isConfigured = false;
    if (forwardedFor === undefined) {
      return { address: peer, chain: peer, isTrusted: true, isConfigured };
    }
    const first = forwardedFor.split(',', 1)[0]?.trim() ?? '';
    const address = isIP(first) === 0 ? peer : first;
    return { address, chain: `${forwardedFor}, ${address}`, isTrusted: true, isConfigured };
  },
};

/**
 * Believes the addresses and networks (`10.0.0.0/8`, `::1`) given, nobody else: the client is the
 * last address of the list that is not itself a trusted proxy, and the peer is what is added. What a
 * stranger sent is replaced.
 *
 * @throws RangeError if an entry is neither an address nor a network.
 */
export function trustOnly(networks: readonly string[]): TrustedProxies {
  const trusted = new BlockList();
  for (const network of networks) addNetwork(trusted, network);
  const isTrusted = (address: string) => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return {
    clientOf(peer, forwardedFor) {
      const isConfigured = isTrusted(peer);
      if (!isConfigured || forwardedFor === undefined) {
        return { address: peer, chain: peer, isTrusted: isConfigured, isConfigured };
      }
      const chain = `${forwardedFor}, ${peer}`;
      let address = peer;
      for (const hop of forwardedFor.split(',').reverse()) {
        const candidate = hop.trim();
        if (isIP(candidate) === 0) break;
        address = candidate;
        if (!isTrusted(candidate)) break;
      }
      return { address, chain, isTrusted: true, isConfigured };
    },
  };
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', prefix] = network.split('/');
  const family = isIP(address);
  const bits = prefix === undefined ? undefined : Number(prefix);
  const maxBits = family === 6 ? 128 : 32;
  const bitsAreValid = bits === undefined || (/^[0-9]{1,3}$/.test(prefix ?? '') && bits <= maxBits);
  if (family === 0 || !bitsAreValid) {
    throw new RangeError(`not an address or network: '${network}'`);
  }
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (bits === undefined) list.addAddress(address, type);
  else list.addSubnet(address, bits, type);
}

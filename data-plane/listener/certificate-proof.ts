import type { CertificateId } from '../../shared/gateway-model.js';
import {
  type Hostname,
  isServerName,
  matchesHost,
  parseHostname,
  parseHostPattern,
} from '../../shared/hostname.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { Binding, CertificateSource } from './certificate-source.js';
import { findPairFault, probeFingerprint, UnansweredError } from './probe.js';

/** A few hosts are proved by each worker, of many only some; the rest by one worker of each process. */
const fewHosts = 8;
const handshakesOfMany = 2;
/**
 * As many as one request can bind are all proved by handshake. Of larger changes the rest is parsed: with
 * handshakes for 100 hosts that changed at once each took 0.95 ms of CPU instead of 0.45, and 0.7 ms instead of
 * 0.4 with two workers.
 */
const handshakenHosts = 33;

/**
 * Proves, before a revision is reported as served, that the certificates it brought can be shown.
 * A certificate that can't is rejected: the source answers with the last good one from then on.
 */
export class CertificateProof {
  readonly #source: CertificateSource;
  readonly #proved = new Set<CertificateId>();
  readonly #isLarge: boolean;
  #handshakesLeft: number;

  /** @param hosts how many there are to prove. */
  constructor(source: CertificateSource, hosts: number) {
    this.#source = source;
    this.#isLarge = hosts > handshakenHosts;
    this.#handshakesLeft = hosts <= fewHosts ? fewHosts : handshakesOfMany;
  }

  /** Shows each host's certificate on the app behind `socketPath`, as far as handshakes are left. */
  async byHandshake(hosts: Iterable<Hostname>, socketPath: string): Promise<void> {
    for (const host of hosts) {
      if (this.#handshakesLeft === 0) return;
      const binding = this.#next(host);
      if (binding === undefined) continue;
      this.#handshakesLeft -= 1;
      const fault = await this.#handshakeFault(host, binding, socketPath);
      if (fault !== undefined) this.#reject(binding, fault);
    }
  }

  /** Proves what no handshake was left for, and what no other worker of the process does. */
  async share(hosts: Iterable<Hostname>, socketPath: string): Promise<void> {
    for (const host of hosts) {
      const binding = this.#next(host);
      if (binding === undefined) continue;
      const fault = this.#isLarge
        ? this.#pairFault(binding)
        : await this.#handshakeFault(host, binding, socketPath);
      if (fault !== undefined) this.#reject(binding, fault);
      // About a millisecond each: connections must not wait for all of them.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The rejections that hold for these hosts now, whenever they were found. */
  rejectionsOf(hosts: Iterable<Hostname>): RejectedEntry[] {
    if (!this.#source.hasRejections) return [];
    const found = new Map<CertificateId, RejectedEntry & { readonly hosts: string[] }>();
    for (const host of hosts) {
      const binding = this.#source.binding(host);
      if (binding === undefined) continue;
      const { certificateId, requestHost } = binding;
      const rejection = this.#source.rejection(certificateId);
      if (rejection === undefined) continue;
      const known = found.get(certificateId);
      if (known === undefined) found.set(certificateId, { ...rejection, hosts: [requestHost] });
      else known.hosts.push(requestHost);
    }
    return [...found.values()];
  }

  /** What is still to be proved for a host: nothing if it has no certificate, a proved or a rejected one. */
  #next(host: Hostname): Binding | undefined {
    const binding = this.#source.binding(host);
    if (binding === undefined || this.#proved.has(binding.certificateId)) return undefined;
    this.#proved.add(binding.certificateId);
    return this.#source.isRejected(binding.certificateId) ? undefined : binding;
  }

  async #handshakeFault(
    host: Hostname,
    binding: Binding,
    socketPath: string,
  ): Promise<string | undefined> {
    try {
      const shown = await probeFingerprint(socketPath, host);
      if (shown === this.#source.fingerprint(binding.certificateId)) return undefined;
      return this.#pairFault(binding) ?? 'the TLS engine can not load this kind of certificate';
    } catch (error) {
      // A handshake that did not even take place says nothing about the certificate, and a rejection is for good.
      if (error instanceof UnansweredError) return this.#pairFault(binding);
      return `a test handshake failed: ${error instanceof Error ? error.message : 'unknown'}`;
    }
  }

  #pairFault(binding: Binding): string | undefined {
    const certificate = this.#source.certificate(binding);
    if (certificate?.id === binding.certificateId) return findPairFault(certificate);
    return 'the key can not be read from the store of the node';
  }

  #reject({ certificateId, requestHost }: Binding, reason: string): void {
    this.#source.reject({ certificateId, hosts: [requestHost], reason });
  }
}

/**
 * A name to try each changed `request_host` with: itself, or one that the pattern matches. None where no
 * client is ever shown its certificate: that says nothing about the certificate, which other hosts may have too.
 */
export function hostsToProve(changed: readonly string[]): Hostname[] {
  return changed.flatMap((requestHost) => {
    const host = exampleOf(requestHost);
    return host !== undefined && isServerName(host) ? [host] : [];
  });
}

function exampleOf(requestHost: string): Hostname | undefined {
  const pattern = parseHostPattern(requestHost);
  if (pattern === undefined) return undefined;
  if (pattern.kind === 'exact') return pattern.host;
  const example = parseHostname(requestHost.replace('*', 'signet-probe'));
  return example !== undefined && matchesHost(pattern, example) ? example : undefined;
}

import type { CertificateId } from '../../shared/gateway-model.js';
import type { Hostname } from '../../shared/hostname.js';
import type { Logger } from '../../shared/logger.js';
import type { ServedCertificate } from '../../shared/snapshot.js';
import type { AppliedChanges } from '../store/node-store.js';
import { BloomFilter } from './bloom-filter.js';
import type { Binding, CertificateSource } from './certificate-source.js';
import { type ContextName, parseContextName } from './context-name.js';
import type { TlsApp, TlsAppOwner } from './tls-app.js';

/** Plain numbers that handshakes count up; whoever made them reads them at any time. */
export interface NameCounters {
  /** Names with no certificate of their own. */
  namesUnknown: number;
  /** What is no host name, or one in yet another spelling. */
  namesUnusable: number;
  /** Certificates that could not be loaded. */
  namesFailed: number;
}

export interface GenerationOptions {
  readonly source: CertificateSource;
  readonly logger: Logger;
  readonly counters: NameCounters;
  /** Contexts above which a generation asks to be replaced. */
  readonly contextBudget: number;
  /** Contexts for names in other than lower case; clients beyond it get the default certificate. */
  readonly spellingBudget: number;
  /** Told first in every handshake that asks for a name: nothing may write to a connection then. */
  readonly enterHandshake: () => void;
}

export interface GenerationOwner {
  /** The context budget is full; said once. Called inside a handshake. */
  filled(): void;
  /** The last HTTP connection is closing: the engine is in the middle of it. */
  emptied(): void;
}

/**
 * The names that one app has shown since it began to take connections. Contexts are made when a name
 * is first asked for and stay until the generation is over, because a name can't be removed from an
 * app with connections.
 *
 * Sessions outlive contexts: the engine's tickets belong to the app, so a client that was ever shown
 * a certificate by this app can resume with it. So `isOutdatedBy` also remembers, for as long as the
 * app is used, which names were answered with the default certificate, and what earlier generations
 * of the app have shown.
 */
export class Generation implements TlsAppOwner {
  readonly app: TlsApp;
  readonly #options: GenerationOptions;
  readonly #shown = new Map<Hostname, CertificateId>();
  /** Names that this app showed in earlier generations, or the default certificate for in any. */
  readonly #history: BloomFilter;
  /** Not before the certificates that it is started for are proved: until then only its own probes come. */
  takesClients = false;
  #owner: GenerationOwner | undefined;
  #spellings = 0;
  #isFull = false;

  constructor(app: TlsApp, options: GenerationOptions, history = new BloomFilter()) {
    this.app = app;
    this.#options = options;
    this.#history = history;
    app.owner = this;
    app.isDraining = false;
  }

  set owner(owner: GenerationOwner) {
    this.#owner = owner;
  }

  get shownHosts(): Iterable<Hostname> {
    return this.#shown.keys();
  }

  hasShown(host: Hostname): boolean {
    return this.#shown.has(host);
  }

  /** Whether the app's memory of names is worn out, so that it should not be used again. */
  get isWorn(): boolean {
    return this.#history.isFull;
  }

  /** Whether a client may still see or resume, through this app, what `changes` has replaced. */
  isOutdatedBy(changes: AppliedChanges): boolean {
    const { hosts } = changes;
    if (hosts === 'all' || changes.patternsChanged) {
      if (!this.#history.isEmpty) return true;
      for (const [host, shown] of this.#shown) if (this.#differs(host, shown)) return true;
      return false;
    }
    return hosts.some((each) => {
      const host = each as Hostname; // a host in lower case; a pattern is in neither collection
      const shown = this.#shown.get(host);
      if (shown !== undefined && this.#differs(host, shown)) return true;
      return this.#history.mayHave(host);
    });
  }

  /** What the next generation on this app has to remember; empties this one. */
  bequeath(): BloomFilter {
    for (const host of this.#shown.keys()) this.#history.add(host);
    this.#shown.clear();
    return this.#history;
  }

  /** Forgets what was shown to nobody but this thread's own probes. */
  forget(): void {
    this.#shown.clear();
  }

  serverNameMissing(sni: string): void {
    this.#options.enterHandshake();
    try {
      const name = parseContextName(sni);
      if (name === undefined) this.#options.counters.namesUnusable += 1;
      else this.#show(name);
    } catch (error) {
      this.#options.counters.namesFailed += 1;
      // Thrown on, it would end the worker; so only this name goes without its certificate.
      this.#options.logger.error({ err: error }, 'could not make a TLS context');
    }
  }

  emptied(): void {
    this.#owner?.emptied();
  }

  #show({ host, spelling }: ContextName): void {
    const { source, contextBudget, counters } = this.#options;
    if (this.app.has(spelling)) this.#couldNotLoad(host);
    const binding = source.binding(host);
    const certificate = binding && source.certificate(binding);
    if (!binding || certificate === undefined || (spelling !== host && !this.#takeSpelling())) {
      if (certificate === undefined) counters.namesUnknown += 1;
      else counters.namesUnusable += 1;
      this.#history.add(host);
      return;
    }
    this.app.add(spelling, host, pemOf(certificate), this.#fallbackPem(binding, certificate));
    this.#shown.set(host, certificate.id);
    if (this.app.contexts >= contextBudget && !this.#isFull) {
      this.#isFull = true;
      this.#owner?.filled();
    }
  }

  /** A client that is faster than the proof must not be the one to find that a pair can't be loaded. */
  #fallbackPem(binding: Binding, { id }: ServedCertificate): string | undefined {
    const lastGood = this.takesClients ? this.#options.source.lastGood(binding) : undefined;
    return lastGood === undefined || lastGood.id === id ? undefined : pemOf(lastGood);
  }

  /** The engine asks for a name that it was given: the pair could not be loaded, whatever the reason. */
  #couldNotLoad(host: Hostname): void {
    const { source, logger, counters } = this.#options;
    counters.namesFailed += 1;
    const certificateId = this.#shown.get(host);
    if (certificateId === undefined || source.isRejected(certificateId)) return;
    const reason = 'the TLS engine can not load this kind of certificate';
    source.reject({ certificateId, hosts: [host], reason });
    logger.error({ host, certificateId }, 'the engine could not load a certificate');
  }

  // Every spelling is a context of its own and a name has 2ⁿ of them. No client but a scanner sends
  // capitals, so a few are served and the rest get the default certificate.
  #takeSpelling(): boolean {
    if (this.#spellings >= this.#options.spellingBudget) return false;
    this.#spellings += 1;
    return true;
  }

  #differs(host: Hostname, shown: CertificateId): boolean {
    const { source } = this.#options;
    const binding = source.binding(host);
    if (binding === undefined) return true;
    if (binding.certificateId === shown && !source.isRejected(shown)) return false;
    return source.certificate(binding)?.id !== shown;
  }
}

function pemOf({ chainPem, keyPem }: ServedCertificate): string {
  return `${chainPem}\n${keyPem}\n`;
}

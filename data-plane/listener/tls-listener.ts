import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Hostname } from '../../shared/hostname.js';
import { OneAtATime } from '../../shared/one-at-a-time.js';
import type { RejectedEntry } from '../../shared/snapshot.js';
import type { AppliedChanges } from '../store/node-store.js';
import type { BloomFilter } from './bloom-filter.js';
import { CertificateProof, hostsToProve } from './certificate-proof.js';
import { type AppDescriptor, handOversDone } from './engine.js';
import { Generation, type GenerationOptions } from './generation.js';
import { TlsApp, type TlsAppOptions } from './tls-app.js';

export interface TlsListenerOptions {
  readonly app: TlsAppOptions;
  readonly generation: GenerationOptions;
  /** Directory with mode 0700 for the sockets of this thread's own test handshakes. */
  readonly probeDirectory: string;
  /** Tells the listeners of a process apart in that directory. */
  readonly name: string;
  /** Lets the acceptor hand connections to `add` and no more to `remove`; then resolves. */
  readonly swap: (add: AppDescriptor, remove: AppDescriptor) => Promise<void>;
  /** Whether this worker is the one of its process that proves the n-th of many changed hosts. */
  readonly isChargedWith: (n: number) => boolean;
  /** So many apps had to be given up that the thread should be ended to free them. */
  readonly wornOut: () => void;
}

export interface TlsListenerStats {
  readonly connections: number;
  readonly accepted: number;
  /** Generations that still drain. */
  readonly draining: number;
  readonly generations: number;
  readonly contexts: number;
  readonly contextsBuilt: number;
  /** Apps given up for good, each about 90 KB until the thread ends. */
  readonly discarded: number;
}

/** An app that is free: no connections, no names, but sessions of its that clients may still hold. */
interface Spare {
  readonly app: TlsApp;
  readonly history: BloomFilter;
}

const maxDiscarded = 100;
/** How long the bench keeps what was tried on it. */
const benchIdleMs = 100;
/** How long connections of a replaced generation are left alone. */
const lingerMs = 30_000;
/** Draining generations whose connections are left alone. */
const maxLingering = 16;
/** Generations that drain at the same time; above it the oldest one's connections are cut. */
const maxDraining = 256;
/** The same for the contexts they hold together, in context budgets. */
const maxDrainingBudgets = 8;

/**
 * The TLS side of one worker: one generation that takes connections, older ones that drain.
 *
 * A rotation is a new generation only if the current one has shown the changed name, or may have
 * answered it with the default certificate; else the next handshake finds the change by itself. So
 * no handshake that begins after `apply` has resolved sees or resumes an older certificate.
 */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  #current: Generation;
  readonly #draining = new Set<Generation>();
  /** Those of them whose tickets show a certificate that was replaced: their apps are not used again. */
  readonly #outdated = new Set<Generation>();
  #spares: Spare[] = [];
  /** An app that takes no client: certificates of names nobody has asked for are tried on it. */
  #bench: Generation | undefined;
  #clearing: NodeJS.Timeout | undefined;
  readonly #apps = new Set<TlsApp>();
  /** Given up, but for WebSockets that are still open on them. */
  readonly #leaving = new Set<TlsApp>();
  #appCount = 0;
  #generationCount = 0;
  #discarded = 0;
  #acceptedByDiscarded = 0;
  #contextsOfDiscarded = 0;
  #replacedAt = 0;
  readonly #work = new OneAtATime();
  #isClosed = false;

  constructor(options: TlsListenerOptions) {
    this.#options = options;
    this.#current = this.#newGeneration();
    this.#current.takesClients = true;
  }

  /** Resolves when connections may come. */
  get ready(): Promise<void> {
    return this.#current.app.ready;
  }

  /** The app that takes connections now. */
  get descriptor(): AppDescriptor {
    return this.#current.app.descriptor;
  }

  get stats(): TlsListenerStats {
    let connections = 0;
    let accepted = this.#acceptedByDiscarded;
    let contexts = 0;
    let contextsBuilt = this.#contextsOfDiscarded;
    for (const app of this.#apps) {
      connections += app.connections;
      accepted += app.accepted;
      contexts += app.contexts;
      contextsBuilt += app.contextsBuilt;
    }
    return {
      connections,
      accepted,
      contexts,
      contextsBuilt,
      draining: this.#draining.size,
      generations: this.#generationCount,
      discarded: this.#discarded,
    };
  }

  /**
   * Resolves when every new handshake shows what the store holds now. The route table must have been
   * refreshed. Calls are worked off one by one.
   */
  apply(changes: AppliedChanges): Promise<readonly RejectedEntry[]> {
    return this.#work.run(async () => {
      this.#outdate(changes);
      const isOutdated = this.#current.isOutdatedBy(changes);
      const changed = changes.hosts === 'all' ? [] : hostsToProve(changes.hosts);
      const hot = changes.hosts === 'all' ? [...this.#current.shownHosts] : changed;
      const proof = new CertificateProof(this.#options.generation.source, hot.length);
      if (isOutdated) {
        const shown = hot.filter((host) => this.#current.hasShown(host));
        await this.#replace({ isOutdated }, (path) => proof.byHandshake(shown, path));
      }
      if (changed.length > 0) await this.#proveOnBench(proof, changed);
      // Of a change of everything only what was found before is known by name.
      const rejections = proof.rejectionsOf(
        changes.hosts === 'all' ? this.#rejectedHosts() : changed,
      );
      // Clients that were faster than the proof may have got a context of what it then rejected.
      if (rejections.length > 0 && this.#current.isOutdatedBy(changes)) {
        await this.#replace({ isOutdated: true }, async () => {});
      }
      return rejections;
    });
  }

  /** Resolves when all changes that were applied so far are proved. */
  async provedAll(): Promise<void> {
    await this.#work.idle();
  }

  /** Tells all connections to go once answered; new ones must not come any more. */
  startDraining(): void {
    for (const app of this.#apps) app.isDraining = true;
  }

  /** Cuts all connections. Must have been called before the thread ends. */
  close(): void {
    this.#isClosed = true;
    for (const app of [...this.#apps, ...this.#leaving]) app.close();
  }

  /** Old generations keep what they have shown until they end, and so do tickets of theirs. */
  #outdate(changes: AppliedChanges): void {
    for (const generation of this.#draining) {
      if (generation.isOutdatedBy(changes)) this.#outdated.add(generation);
    }
    this.#spares = this.#spares.filter(({ app, history }) => {
      const hosts = changes.hosts === 'all' || changes.patternsChanged ? undefined : changes.hosts;
      const isClean = hosts ? !hosts.some((host) => history.mayHave(host)) : history.isEmpty;
      if (!isClean) this.#discard(app);
      return isClean;
    });
  }

  async #replace(
    { isOutdated }: { isOutdated: boolean },
    prove: (socketPath: string) => Promise<void>,
  ): Promise<void> {
    // Each generation drains for seconds. Waiting a little longer the more of them there are bounds
    // their number at about a hundred under rotation without a pause, and costs nothing otherwise.
    const wait = this.#replacedAt + this.#draining.size - performance.now();
    if (wait > 0) await delay(wait);
    const next = this.#newGeneration();
    await next.app.ready;
    await prove(next.app.socketPath);
    if (this.#isClosed) return;
    next.takesClients = true;
    const previous = this.#current;
    this.#current = next;
    await this.#options.swap(next.app.descriptor, previous.app.descriptor);
    this.#replacedAt = performance.now();
    if (isOutdated) this.#outdated.add(previous);
    this.#drain(previous);
  }

  /**
   * A rotation concerns one host, and is no reason to take another host's clients their keep-alive or a
   * long answer. Connections of a replaced generation go on for a while, or until there are too many
   * such generations; then they are told to go with their next answer. None is cut as long
   * as what they hold stays within bounds.
   */
  #drain(generation: Generation): void {
    this.#draining.add(generation);
    this.#relieve();
    const leaving = setTimeout(() => askToLeave(generation), lingerMs).unref();
    const retireIfEmpty = () => {
      if (generation.app.connections > 0 || !this.#draining.has(generation)) return;
      clearTimeout(leaving);
      void this.#retire(generation);
    };
    void handOversDone().then(() => {
      generation.owner = { filled: () => {}, emptied: () => setImmediate(retireIfEmpty) };
      retireIfEmpty();
    });
  }

  /** Bounds what draining generations hold: the oldest are asked to leave first, and cut at last. */
  #relieve(): void {
    const { contextBudget } = this.#options.generation;
    let contexts = 0;
    for (const [newer, generation] of [...this.#draining].reverse().entries()) {
      contexts += generation.app.contexts;
      if (newer >= maxLingering || contexts > contextBudget) askToLeave(generation);
      if (newer >= maxDraining || contexts > maxDrainingBudgets * contextBudget) {
        generation.app.close();
        this.#outdated.add(generation); // it does not listen any more: not to be used again
      }
    }
  }

  async #retire(generation: Generation): Promise<void> {
    const { logger } = this.#options.generation;
    this.#draining.delete(generation);
    const isOutdated = this.#outdated.delete(generation);
    if (this.#isClosed) return;
    try {
      await generation.app.removeAll();
    } catch (error) {
      logger.error({ err: error }, 'a drained generation could not be emptied');
      this.#discard(generation.app);
      return;
    }
    if (isOutdated || generation.isWorn) this.#discard(generation.app);
    else this.#spares.push({ app: generation.app, history: generation.bequeath() });
  }

  #discard(app: TlsApp): void {
    this.#leaving.add(app);
    app.closeAfterWebSockets(() => this.#leaving.delete(app));
    app.owner = undefined;
    this.#apps.delete(app);
    this.#discarded += 1;
    this.#acceptedByDiscarded += app.accepted;
    this.#contextsOfDiscarded += app.contextsBuilt;
    if (this.#discarded % maxDiscarded === 0) this.#options.wornOut();
  }

  #newGeneration(): Generation {
    const spare = this.#spares.pop();
    const app = spare?.app ?? this.#newApp();
    const generation = new Generation(app, this.#options.generation, spare?.history);
    generation.owner = {
      // Inside a handshake: everything that follows happens in a later turn.
      filled: () => setImmediate(() => void this.#work.run(() => this.#renew(generation))),
      emptied: () => {},
    };
    this.#generationCount += 1;
    return generation;
  }

  #newApp(): TlsApp {
    const { app: options, probeDirectory, name } = this.#options;
    this.#appCount += 1;
    const app = new TlsApp(options, join(probeDirectory, `${name}-${this.#appCount}`));
    this.#apps.add(app);
    return app;
  }

  /** The context budget is full: hot names get a context again at once, the rest is freed. */
  async #renew(generation: Generation): Promise<void> {
    if (generation !== this.#current || this.#isClosed) return;
    // Nothing it has shown was changed: its app can be used again.
    await this.#replace({ isOutdated: false }, async () => {});
  }

  #rejectedHosts(): Hostname[] {
    const { source } = this.#options.generation;
    return hostsToProve([...source.rejections()].flatMap((rejection) => rejection.hosts));
  }

  async #proveOnBench(proof: CertificateProof, hosts: readonly Hostname[]): Promise<void> {
    this.#bench ??= this.#newGeneration();
    await this.#clear(this.#bench);
    const { socketPath } = this.#bench.app;
    await proof.byHandshake(hosts, socketPath);
    const share = hosts.filter((_host, n) => this.#options.isChargedWith(n));
    await proof.share(share, socketPath);
    this.#clearSoon(this.#bench);
  }

  /** The next proof does it, or nobody for a while: changes that follow each other do not wait for timers. */
  #clearSoon(bench: Generation): void {
    this.#clearing ??= setTimeout(() => {
      this.#work
        .run(() => this.#clear(bench))
        .catch((error: unknown) => {
          const { logger } = this.#options.generation;
          logger.error({ err: error }, 'the contexts of a proof could not be freed');
        });
    }, benchIdleMs).unref();
    this.#clearing.refresh();
  }

  async #clear(bench: Generation): Promise<void> {
    while (bench.app.connections > 0) await delay(1); // its own probes, closed by now on their side
    if (this.#isClosed) return;
    await bench.app.removeAll();
    bench.forget();
  }
}

/** Its connections close after their next answer. */
function askToLeave(generation: Generation): void {
  generation.app.isDraining = true;
}

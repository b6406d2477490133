import { setTimeout as delay } from 'node:timers/promises';
import { shownLeaf } from '../../../support/shown-leaf.js';
import type { Upload } from './certificate-history.js';
import type { ProcessFleet } from './process-fleet.js';
import type { ProcessNode } from './process-node.js';

const everyMs = 20;

/**
 * Makes handshakes with every node all the time and holds them against what the node has acknowledged:
 * nothing older, no poison, no other certificate, and no failure but of a process that was killed.
 */
export class Witness {
  readonly violations: string[] = [];
  handshakes = 0;
  readonly #fleet: ProcessFleet;
  /** The oldest upload that a node may show for a host. */
  readonly #floors = new Map<ProcessNode, Map<string, number>>();
  /** Hosts whose last good certificate a torn store took with it: the default one may be shown instead. */
  readonly #lost = new Map<ProcessNode, Set<string>>();
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(fleet: ProcessFleet) {
    this.#fleet = fleet;
    for (const node of fleet.nodes) {
      this.#floors.set(node, new Map());
      this.#lost.set(node, new Set());
    }
  }

  start(): void {
    const probes = this.#fleet.nodes.map((node) => this.#repeat((n) => this.#probe(node, n)));
    this.#running = Promise.all([...probes, this.#repeat(() => this.#readAcknowledgements())]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** A node's store was damaged: nothing is known of it until it has caught up. */
  torn(node: ProcessNode): void {
    this.#floors.get(node)?.clear();
    for (const host of this.#fleet.history.hosts) this.#lost.get(node)?.add(host);
  }

  /** What is wrong with what a node shows for a host that is bound to this upload; `undefined` if nothing. */
  async faultIn(node: ProcessNode, host: string, bound: Upload): Promise<string | undefined> {
    const fingerprint256 = await shownLeaf(node.tlsPort, host);
    const shown = this.#fleet.history.byFingerprint(host, fingerprint256);
    if (bound.isPoison) return this.#faultOf(node, host, shown, this.#floorOf(node, host));
    if (shown !== bound) return `shows upload ${shown?.serial} instead of ${bound.serial}`;
    this.#lost.get(node)?.delete(host);
    this.#floors.get(node)?.set(host, bound.serial);
    return undefined;
  }

  async #probe(node: ProcessNode, n: number): Promise<void> {
    const { hosts } = this.#fleet.history;
    const host = hosts[n % hosts.length] ?? '';
    const { disturbances, isTorn } = node;
    const floor = this.#floorOf(node, host);
    if (!node.isUp) return;
    try {
      const fingerprint256 = await shownLeaf(node.tlsPort, host);
      if (node.disturbances !== disturbances) return;
      node.isDisturbed = false;
      this.handshakes += 1;
      const shown = this.#fleet.history.byFingerprint(host, fingerprint256);
      const fault = isTorn ? undefined : this.#faultOf(node, host, shown, floor);
      if (fault !== undefined) this.violations.push(`${node.name}: ${host} ${fault}`);
    } catch (error) {
      if (node.isDisturbed || node.disturbances !== disturbances) return;
      this.violations.push(`${node.name}: a handshake for ${host} failed: ${error}`);
    }
  }

  #faultOf(
    node: ProcessNode,
    host: string,
    shown: Upload | undefined,
    floor: number,
  ): string | undefined {
    if (shown === undefined) {
      return this.#lost.get(node)?.has(host) === true ? undefined : 'shows a foreign certificate';
    }
    if (shown.isPoison) return 'shows poison';
    if (shown.serial >= floor) return undefined;
    return `shows upload ${shown.serial} after ${floor} was acknowledged`;
  }

  #floorOf(node: ProcessNode, host: string): number {
    return this.#floors.get(node)?.get(host) ?? -1;
  }

  async #readAcknowledgements(): Promise<void> {
    const answer = await this.#fleet.admin?.send('GET', '/nodes').catch(() => undefined);
    if (answer?.status !== 200) return;
    // As the admin API answers it.
    const { data } = answer.body as { data: readonly { name: string; revision?: number }[] };
    for (const { name, revision } of data) {
      const node = this.#fleet.nodes.find((each) => each.name === name);
      // What a torn one acknowledged was before.
      if (node === undefined || node.isTorn || revision === undefined) continue;
      for (const host of this.#fleet.history.hosts) {
        const serial = this.#fleet.history.servedAt(host, revision)?.serial ?? -1;
        if (serial > this.#floorOf(node, host)) this.#floors.get(node)?.set(host, serial);
      }
    }
  }

  async #repeat(step: (n: number) => Promise<void>): Promise<void> {
    for (let n = 0; !this.#isStopped; n += 1) {
      await step(n);
      await delay(everyMs);
    }
  }
}

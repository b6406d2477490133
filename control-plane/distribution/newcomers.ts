import { toNetwork } from '../access/guess-limiter.js';

interface Newcomer {
  readonly end: () => void;
}

/**
 * Peers that have proved nothing yet, up to a limit. One more costs the oldest of the network that has most
 * of them its place: a flood pushes out its own, and whoever comes from elsewhere, or is quick, gets through.
 */
export class Newcomers {
  readonly #limit: number;
  /** Of each network, the oldest first. */
  readonly #networks = new Map<string, Set<Newcomer>>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * @param end closes the connection, when its place is needed.
   * @returns gives the place back: to be called when the peer has proved itself, or has gone.
   */
  enter(address: string, end: () => void): () => void {
    const network = toNetwork(address);
    const newcomer = { end };
    const peers = this.#networks.get(network) ?? new Set();
    this.#networks.set(network, peers.add(newcomer));
    this.#size += 1;
    if (this.#size > this.#limit) this.#pushOneOut();
    return () => this.#leave(network, newcomer);
  }

  #pushOneOut(): void {
    let greediest: [string, ReadonlySet<Newcomer>] | undefined;
    for (const each of this.#networks) {
      if (each[1].size > (greediest?.[1].size ?? 0)) greediest = each;
    }
    if (greediest === undefined) return;
    const [network, peers] = greediest;
    const [oldest] = peers;
    if (oldest === undefined) return;
    this.#leave(network, oldest);
    oldest.end();
  }

  #leave(network: string, newcomer: Newcomer): void {
    const peers = this.#networks.get(network);
    if (!peers?.delete(newcomer)) return;
    this.#size -= 1;
    if (peers.size === 0) this.#networks.delete(network);
  }
}

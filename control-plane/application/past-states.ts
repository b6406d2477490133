import { LRUCache } from 'lru-cache';
import { OneAtATime } from '../../shared/one-at-a-time.js';
import { nextRevision, type Revision } from '../../shared/revision.js';
import { fold } from '../domain/evolve.js';
import { type GatewayState, initialState } from '../domain/state.js';
import { decodeEvents } from '../events/codec.js';
import { chainStart } from '../events/hash-chain.js';
import type { EventLog } from '../ports/event-log.js';
import type { FoldedLog, FoldedState } from './folded-log.js';

/** States share all that is equal, so keeping some costs little; each saves replaying its past. */
const maxKept = 64;
/** While replaying, a state is kept every so many events, for the next question. */
const keepEvery = 50_000;

/** The configuration as it was at any revision, by replay from the nearest state at hand. */
export class PastStates {
  readonly #log: EventLog;
  readonly #folded: FoldedLog;
  readonly #kept = new LRUCache<Revision, FoldedState>({ max: maxKept });
  readonly #replays = new OneAtATime();

  constructor(log: EventLog, folded: FoldedLog) {
    this.#log = log;
    this.#folded = folded;
  }

  /**
   * The state after `revision`, which must not lie beyond the folded head. One replay at a time.
   * @throws LogTrimmedError if the log no longer reaches back.
   */
  at(revision: Revision): Promise<GatewayState> {
    const { state, head } = this.#folded;
    if (revision === head) return Promise.resolve(state);
    return this.#replays.run(() => this.#replay(revision));
  }

  async #replay(revision: Revision): Promise<GatewayState> {
    let { state, chain } = this.#nearest(revision);
    let sinceKept = 0;
    if (chain.revision === revision) return state;
    for await (const batch of this.#log.read(nextRevision(chain.revision))) {
      const wanted = batch.filter((stored) => stored.revision <= revision);
      const decoded = decodeEvents(chain, wanted);
      state = decoded.recorded.reduce(fold, state);
      chain = decoded.head;
      sinceKept += wanted.length;
      if (chain.revision === revision) break;
      if (sinceKept >= keepEvery && chain.revision !== 'empty') {
        this.#kept.set(chain.revision, { state, chain });
        sinceKept = 0;
      }
      // Other requests go on meanwhile.
      await new Promise(setImmediate);
    }
    this.#kept.set(revision, { state, chain });
    return state;
  }

  #nearest(revision: Revision): FoldedState {
    let nearest: FoldedState = { state: initialState, chain: chainStart };
    let at = -1;
    for (const [kept, folded] of this.#kept.entries()) {
      if (kept > revision || kept <= at) continue;
      nearest = folded;
      at = kept;
    }
    return nearest;
  }
}

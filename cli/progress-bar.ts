import type { Io } from './io.js';

const width = 30;
const redrawMs = 100;

/** How far a long work has come, redrawn in place on a terminal and silent elsewhere. */
export class ProgressBar {
  readonly #io: Io;
  readonly #what: string;
  readonly #total: number;
  readonly #isShown: boolean;
  #drawnAt = 0;

  /** @param what the things that are counted, e.g. `events`. */
  constructor(io: Io, what: string, total: number, isTerminal = process.stderr.isTTY === true) {
    this.#io = io;
    this.#what = what;
    this.#total = total;
    this.#isShown = isTerminal && total > 0;
  }

  update(done: number): void {
    if (!this.#isShown || Date.now() - this.#drawnAt < redrawMs) return;
    this.#drawnAt = Date.now();
    this.#draw(done);
  }

  /** Removes the bar, so that the outcome stands alone. */
  clear(): void {
    if (this.#drawnAt !== 0) this.#io.error('\r\x1b[2K');
  }

  #draw(done: number): void {
    const share = Math.min(1, done / this.#total);
    const filled = Math.round(share * width);
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    this.#io.error(`\r${bar} ${percent}  ${done} of ${this.#total} ${this.#what}`);
  }
}

const sequence = '\u001b[';
const enter = `${sequence}?1049h${sequence}?25l`;
const leave = `${sequence}?25h${sequence}?1049l`;
const toStart = `${sequence}H`;
const clearLine = `${sequence}K`;
const clearBelow = `${sequence}J`;

/** What a screen needs of a terminal. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** A terminal's other screen, redrawn in place; the one that was there comes back in the end. */
export class Screen {
  readonly #terminal: Terminal;
  #text = '';
  readonly #redraw = () => this.show(this.#text);

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.write(enter);
    terminal.on('resize', this.#redraw);
  }

  /** Shows as much of a text as there is room for. */
  show(text: string): void {
    this.#text = text;
    // A terminal that does not know its size says 0.
    const columns = this.#terminal.columns || 80;
    const rows = this.#terminal.rows || 24;
    const lines = text.trimEnd().split('\n').slice(0, rows);
    const drawn = lines.map((line) => `${[...line].slice(0, columns).join('')}${clearLine}`);
    this.#terminal.write(`${toStart}${drawn.join('\r\n')}${clearBelow}`);
  }

  close(): void {
    this.#terminal.off('resize', this.#redraw);
    this.#terminal.write(leave);
  }
}

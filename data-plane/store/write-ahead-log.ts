import { closeSync, fdatasync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const syncFile = promisify(fdatasync);

/**
 * SQLite's write-ahead log, as far as it has to reach the disk: synced outside of SQLite, off the main
 * thread, after the commit is visible. SQLite takes its locks on other files, so a descriptor of our
 * own does no harm here.
 */
export class WriteAheadLog {
  readonly #path: string;
  #file: number | undefined;
  #syncing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when all that was written before the call is on the disk. Calls share what they can. */
  sync(): Promise<void> {
    // A sync under way may have begun before the last write: whoever comes now waits for the next.
    if (this.#syncing === undefined) return this.#start();
    this.#next ??= this.#syncing.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  /** A sync under way keeps its descriptor. */
  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    const close = () => closeSync(file);
    if (this.#syncing === undefined) close();
    else this.#syncing.then(close, close);
  }

  #start(): Promise<void> {
    this.#next = undefined;
    this.#file ??= openSync(this.#path, 'r');
    const syncing = syncFile(this.#file).finally(() => {
      if (this.#syncing === syncing) this.#syncing = undefined;
    });
    this.#syncing = syncing;
    return syncing;
  }
}

import { destination } from 'pino';
import type { Logger } from '../../shared/logger.js';
import { type AccessLogFormat, accessLine, accessTime } from './access-line.js';
import type { AccessEntry, AccessLog } from './access-log.js';

export interface AccessLogSettings {
  /** Appended to; every worker of a node may write to the same file. */
  readonly path: string;
  readonly format: AccessLogFormat;
  /** How many of a hundred requests are recorded, chosen at random. */
  readonly percent: number;
}

/** Lines are gathered up to this and written by a thread of the pool, away from the requests. */
const batchBytes = 64 * 1024;
const flushMs = 1_000;
/** A disk that does not keep up costs lines, not memory. */
const maxWaitingBytes = 16 * 1024 * 1024;

/** An access log in a file. A disk that fails is told once in a while in the log, never to a client. */
export class FileAccessLog implements AccessLog {
  readonly #settings: AccessLogSettings;
  readonly #file: ReturnType<typeof destination>;
  readonly #share: number;
  #dropped = 0;
  /** The last time that was written, as a text and in milliseconds: many requests end in one. */
  #time = '';
  #timeMs = Number.NaN;

  constructor(settings: AccessLogSettings, logger: Logger) {
    this.#settings = settings;
    this.#share = settings.percent / 100;
    this.#file = destination({
      dest: settings.path,
      append: true,
      mkdir: true,
      mode: 0o640,
      sync: false,
      minLength: batchBytes,
      maxWrite: 2 * batchBytes,
      maxLength: maxWaitingBytes,
      periodicFlush: flushMs,
    });
    this.#file.on('error', (error: unknown) =>
      logger.error({ err: error }, 'the access log failed'),
    );
    this.#file.on('drop', () => {
      this.#dropped++;
      if (this.#dropped % 10_000 === 1) {
        logger.warn({ dropped: this.#dropped }, 'the access log does not keep up, lines are lost');
      }
    });
  }

  /** Lines that a disk which did not keep up has cost. */
  get dropped(): number {
    return this.#dropped;
  }

  record(entry: AccessEntry): void {
    if (this.#share < 1 && Math.random() >= this.#share) return;
    const { format } = this.#settings;
    const now = Date.now();
    if (now !== this.#timeMs) {
      this.#timeMs = now;
      this.#time = accessTime(format, new Date(now));
    }
    this.#file.write(accessLine(format, entry, this.#time));
  }

  /** Writes what is waiting, before the thread ends. */
  close(): void {
    this.#file.flushSync();
    this.#file.end();
  }
}

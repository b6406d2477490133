import type { Logger } from '../../shared/logger.js';
import { type AccessLogFormat, accessLine, accessTime } from './access-line.js';
import type { AccessEntry, AccessLog } from './access-log.js';
import { AppendedFile } from './appended-file.js';

export interface AccessLogSettings {
  /** Appended to; every worker of a node may write to the same file. */
  readonly path: string;
  readonly format: AccessLogFormat;
  /** How many of a hundred requests are recorded, chosen at random. */
  readonly percent: number;
}

/** An access log in a file. A disk that fails is told once in a while in the log, never to a client. */
export class FileAccessLog implements AccessLog {
  readonly #settings: AccessLogSettings;
  readonly #file: AppendedFile;
  readonly #share: number;
  #dropped = 0;
  /** The last time that was written, as a text and in milliseconds: many requests end in one. */
  #time = '';
  #timeMs = Number.NaN;

  constructor(settings: AccessLogSettings, logger: Logger) {
    this.#settings = settings;
    this.#share = settings.percent / 100;
    this.#file = new AppendedFile(settings.path, 0o640, {
      failed: (error) => logger.error({ err: error }, 'the access log failed'),
      dropped: () => {
        this.#dropped++;
        if (this.#dropped % 10_000 === 1) {
          logger.warn(
            { dropped: this.#dropped },
            'the access log does not keep up, lines are lost',
          );
        }
      },
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
    this.#file.append(accessLine(format, entry, this.#time));
  }

  /** Writes what is waiting, before the thread ends. */
  close(): void {
    this.#file.close();
  }
}

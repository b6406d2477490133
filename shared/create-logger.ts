import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino';
import type { LogLevel } from './config-schema.js';
import type { Logger } from './logger.js';
import { redacted, redactedPaths, redactPrivateKeys } from './redact.js';

/** A logger whose level, and that of all its children, can change while the process runs. */
export interface RootLogger extends Logger {
  level: LogLevel;
  /** Calls back whenever the level changes, for what else in this process's charge has one. */
  onLevelChange(changed: (level: LogLevel) => void): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** On every line: which process this is. */
  readonly role: string;
  /** Standard error unless given. Standard output belongs to the engine's own prints. */
  readonly to?: DestinationStream;
  /** Another file descriptor than standard error's. */
  readonly fd?: number;
}

const severity: Record<LogLevel, number> = { debug: 20, info: 30, warn: 40, error: 50, silent: 99 };

/** Structured log, one JSON object a line. Writes synchronously: the last line before a crash counts. */
export function createLogger({ level, role, to, fd = 2 }: LoggerOptions): RootLogger {
  const sink = pino(
    {
      level: 'debug',
      base: { role, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...redactedPaths], censor: redacted },
      hooks: { streamWrite: redactPrivateKeys },
    },
    to ?? destination({ dest: fd, sync: true }),
  );
  return new SwitchableLogger(sink, { level, watchers: [] });
}

interface Threshold {
  level: LogLevel;
  readonly watchers: ((level: LogLevel) => void)[];
}

/** Children of a pino logger keep the level they were born with; these share one threshold. */
class SwitchableLogger implements RootLogger {
  readonly #sink: PinoLogger;
  readonly #shared: Threshold;

  constructor(sink: PinoLogger, shared: Threshold) {
    this.#sink = sink;
    this.#shared = shared;
  }

  get level(): LogLevel {
    return this.#shared.level;
  }
  set level(level: LogLevel) {
    if (level === this.#shared.level) return;
    this.#shared.level = level;
    for (const changed of this.#shared.watchers) changed(level);
  }
  onLevelChange(changed: (level: LogLevel) => void): void {
    this.#shared.watchers.push(changed);
  }

  debug(fields: object, message: string): void {
    this.#write('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#write('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#write('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#write('error', fields, message);
  }

  child(fields: Record<string, unknown>): Logger {
    return new SwitchableLogger(this.#sink.child(fields), this.#shared);
  }

  #write(level: Exclude<LogLevel, 'silent'>, fields: object, message: string): void {
    if (severity[level] >= severity[this.#shared.level]) this.#sink[level](fields, message);
  }
}

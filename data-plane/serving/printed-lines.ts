import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Logger } from '../../shared/logger.js';

/**
 * The descriptor that a serving process logs to. Its standard error is for what else prints there, the
 * engine and the runtime, which would garble the log's lines.
 */
export const servingLogFd = 4;

const maxLinesPerSecond = 20;
const maxLineLength = 1_000;

/** Puts what a process prints into the log, a line each; so many a second, should it not stop. */
export function logPrintedLines(printed: Readable, logger: Logger): void {
  let second = 0;
  let lines = 0;
  createInterface({ input: printed }).on('line', (line) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      second = now;
      lines = 0;
    }
    if (line === '' || ++lines > maxLinesPerSecond) return;
    const level = isExpectedLine(line) ? 'debug' : 'warn';
    logger[level]({ printed: line.slice(0, maxLineLength) }, 'a serving process printed');
  });
}

/** Said by the engine once for each WebSocket, and no news: see `ClientExchange.upgrade`. */
export function isExpectedLine(line: string): boolean {
  return line.includes('HttpResponse writes must be made from within a corked callback');
}

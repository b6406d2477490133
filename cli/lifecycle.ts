import { constants } from 'node:os';
import type { RootLogger } from '../shared/create-logger.js';
import type { RunningRole } from '../shared/running.js';
import { exitCode } from './io.js';

const stopSignals = ['SIGINT', 'SIGTERM'] as const;
type StopSignal = (typeof stopSignals)[number];

export interface LifecycleOptions {
  readonly log: RootLogger;
  /** How long `close` may take before the process stops anyway, as a failure. */
  readonly closeTimeoutMs: number;
  /** Says that the role runs. Whoever hears it may ask it to stop at once. */
  readonly announce: () => void;
  /**
   * Signals to leave alone. A forked child ignores the Ctrl-C that a terminal sends to the whole
   * process group: its parent says when to stop.
   */
  readonly ignore?: readonly StopSignal[];
}

/**
 * Announces the role, waits for SIGINT or SIGTERM, then closes. A second signal ends the process at
 * once. SIGUSR2 switches the log to debug and back.
 * @returns the exit code.
 */
export async function runUntilSignal(
  running: RunningRole,
  { log, closeTimeoutMs, announce, ignore = [] }: LifecycleOptions,
): Promise<number> {
  toggleDebugOnSignal(log);
  const stop = new Promise<StopSignal>((resolve) => {
    let stopping = false;
    for (const signal of stopSignals) {
      process.on(signal, () => {
        if (ignore.includes(signal)) return;
        if (stopping) process.exit(128 + constants.signals[signal]);
        stopping = true;
        resolve(signal);
      });
    }
  });
  announce();
  log.info({ signal: await stop }, 'stopping: draining what is under way');
  return closeWithin(running, closeTimeoutMs, log);
}

async function closeWithin(
  running: RunningRole,
  closeTimeoutMs: number,
  log: RootLogger,
): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), closeTimeoutMs);
  });
  try {
    const outcome = await Promise.race([running.close().then(() => 'closed' as const), late]);
    if (outcome === 'closed') {
      log.info({}, 'stopped');
      return exitCode.ok;
    }
    log.error({ closeTimeoutMs }, 'not everything closed in time, stopping anyway');
    // What did not close may well keep the process alive.
    process.exit(exitCode.failed);
  } catch (error) {
    log.error({ err: error }, 'closing failed');
  } finally {
    clearTimeout(timer);
  }
  return exitCode.failed;
}

function toggleDebugOnSignal(log: RootLogger): void {
  const configured = log.level === 'debug' ? 'info' : log.level;
  process.on('SIGUSR2', () => {
    log.level = log.level === 'debug' ? configured : 'debug';
    log.info({ level: log.level }, 'log level changed');
  });
}

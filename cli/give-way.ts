import { readdirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import type { Logger } from '../shared/logger.js';

/** How much nicer than its nodes: about a tenth of a processor is left to it where they want all. */
const nicer = 10;

/**
 * Lets this process go behind those that serve, wherever both want a processor: serving goes before
 * administering. What it starts from now on would go behind too, and never come forward again, as that
 * takes a privilege; so one thread is left out, to start processes from.
 *
 * Linux has a priority for each thread, others one for all of a process: there nothing is changed.
 *
 * @param exceptThread as the kernel numbers it
 */
export function giveWay(exceptThread: number, log: Logger): void {
  if (process.platform !== 'linux') return;
  try {
    for (const thread of readdirSync('/proc/self/task').map(Number)) {
      if (thread !== exceptThread) lower(thread);
    }
  } catch (error) {
    // A sandbox may forbid it; all the rest works without.
    log.warn({ err: error }, 'the control plane could not be put behind its node in priority');
  }
}

function lower(thread: number): void {
  const priority = Math.min(getPriority(thread) + nicer, constants.priority.PRIORITY_LOW);
  setPriority(thread, priority);
}

import { readFileSync } from 'node:fs';

/** A process that has ended is listed until it is reaped; of an orphan that may take `init` seconds. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false; // reaped
  }
}

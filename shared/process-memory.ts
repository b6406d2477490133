import { writeFileSync } from 'node:fs';

/**
 * Keeps what is in this process's memory, private keys among it, from leaving it by two side doors. To be
 * called first, by each program of ours.
 *
 * - SIGUSR1 makes Node open its debugger on 127.0.0.1, where anybody on the machine can read all memory.
 *   Operators know the signal from servers that reopen their logs on it; here it does nothing.
 * - A core file holds none of the memory: threads and their registers are all it is left with. Children
 *   inherit this. For the time of a search, `echo 0x33 > /proc/PID/coredump_filter` takes it back (core(5)).
 */
export function guardProcessMemory(): void {
  process.on('SIGUSR1', () => {});
  if (process.platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(`a core file of this process would have private keys in it: ${reason}`);
  }
}

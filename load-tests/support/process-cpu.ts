import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks per second in /proc; fixed at 100 on Linux, whatever the kernel's own rate is. */
const ticksPerSecond = 100;

/** CPU time that a process has used so far, all its threads, user and system, in microseconds. */
export function processCpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command name may hold blanks and parentheses; fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks / ticksPerSecond) * 1e6;
}

/**
 * CPU time of the threads that a process has now, in microseconds as the scheduler counts them: for rounds
 * so short that ticks would be a tenth of the figure.
 */
export function threadsCpuUs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(tasks).map((thread) =>
    Number(readFileSync(`${tasks}/${thread}/schedstat`, 'latin1').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e3;
}

export function residentBytes(pid: number): number {
  const statm = readFileSync(`/proc/${pid}/statm`, 'latin1');
  return Number(statm.split(' ')[1]) * 4096;
}

/**
 * Resident memory with each shared page divided among those who share it: processes that were forked
 * off each other can be added up. 0 for a process that has just ended, as nginx's do after a reload.
 */
export function proportionalBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+([0-9]+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'ENOENT') return 0;
    throw error;
  }
}

/** Whichever of its threads started them. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

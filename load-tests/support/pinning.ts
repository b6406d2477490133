import { execFileSync } from 'node:child_process';

/**
 * Keeps processes, all their threads and what these start, to one core: what runs on one takes no time
 * from the other.
 * @throws Error without `taskset` of util-linux, or a second core
 */
export function pin(pids: readonly number[], core: 0 | 1): void {
  for (const pid of pids) {
    const mask = ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)];
    execFileSync('taskset', mask, { stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

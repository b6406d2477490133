import { readdirSync, readFileSync } from 'node:fs';

/** What a process holds, as Linux tells it. */
export function processSize(pid: number): { residentMb: number; threads: number; files: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    residentMb: Math.round(field('VmRSS') / 1024),
    threads: field('Threads'),
    files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

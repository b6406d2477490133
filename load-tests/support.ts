import { cpus } from 'node:os';
import { version } from '../shared/version.js';

/** Value below which the given share (0 … 1) of the samples lies, by the nearest-rank method. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** A figure means nothing without the machine it was taken on. */
export function machine(): string {
  const [first] = cpus();
  return `signet ${version}, Node ${process.version}, ${cpus().length} × ${first?.model.trim() ?? 'unknown CPU'}`;
}

/** Prints a two-column table with aligned names. */
export function printTable(title: string, rows: Readonly<Record<string, string | number>>): void {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  const lines = Object.entries(rows).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  console.log([title, ...lines, ''].join('\n'));
}

/** Marks a bar as held or missed; a missed one makes the process exit with 1. */
export function bar(isHeld: boolean, text: string): string {
  if (!isHeld) process.exitCode = 1;
  return `${isHeld ? 'held' : 'MISSED'} (${text})`;
}

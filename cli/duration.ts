import { InvalidArgumentError } from 'commander';

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** `30d`, `12h`, `90m`, `2w` in milliseconds. */
export function parseDuration(value: string): number {
  const [, amount, unit] = /^([0-9]{1,6})([mhdw])$/.exec(value) ?? [];
  if (amount === undefined || unit === undefined) {
    throw new InvalidArgumentError('write a number and m, h, d or w, as in 30d');
  }
  return Number(amount) * unitMs[unit as keyof typeof unitMs];
}

/** Whole days or hours, for people: `23 d`, `5 h`, `expired`. */
export function remaining(untilMs: number, nowMs: number): string {
  const left = untilMs - nowMs;
  if (left <= 0) return 'expired';
  return left >= 2 * unitMs.d
    ? `${Math.floor(left / unitMs.d)} d`
    : `${Math.floor(left / unitMs.h)} h`;
}

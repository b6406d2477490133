export interface Scale {
  readonly unit: string;
  readonly digits: number;
  readonly better: 'lower' | 'higher';
}

/** One figure of each server, to be compared. */
export interface Metric extends Scale {
  readonly name: string;
  /** By the servers' names, in the order in which they are shown. */
  readonly values: ReadonlyMap<string, number>;
}

/** `ours` as a multiple of the best of the others; `undefined` where that says nothing. */
export function ratioToBest({ values, better }: Metric, ours: string): number | undefined {
  const own = values.get(ours);
  const others = [...values].filter(([name]) => name !== ours).map(([, value]) => value);
  const best = better === 'lower' ? Math.min(...others) : Math.max(...others);
  if (own === undefined || !Number.isFinite(best) || best === 0) return undefined;
  return own / best;
}

export function figure(value: number, { digits, unit }: Scale): string {
  const text = value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return unit === '' ? text : `${text} ${unit}`;
}

/** One figure of each server, to be compared. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  readonly better: 'lower' | 'higher';
  /** By the servers' names, in the order in which they are shown. */
  readonly values: ReadonlyMap<string, number>;
}

/** Ours as a multiple of the best of the others'; `undefined` if there is none or it is 0. */
export function ratioToBest({ values, better }: Metric, ours: string): number | undefined {
  const others = [...values].filter(([name]) => name !== ours).map(([, value]) => value);
  const best = better === 'lower' ? Math.min(...others) : Math.max(...others);
  const own = values.get(ours);
  return own === undefined || !Number.isFinite(best) || best === 0 ? undefined : own / best;
}

export function figure(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits);
}

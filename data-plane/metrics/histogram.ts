/** A histogram as it is counted and told between threads. */
export interface HistogramCounts {
  /** Observations up to each bound, beyond the one before it; the last beyond all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Seconds, from a loopback's answer to the longest that a default limit lets anything take. */
export const secondsBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60,
];

export const emptyHistogram: HistogramCounts = {
  counts: Array.from({ length: secondsBounds.length + 1 }, () => 0),
  sum: 0,
};

/** Durations, counted in place: on the way of every request. */
export class Histogram implements HistogramCounts {
  readonly counts = [...emptyHistogram.counts];
  sum = 0;

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < secondsBounds.length && seconds > (secondsBounds[bucket] as number)) bucket++;
    (this.counts[bucket] as number)++; // there is one more than there are bounds
    this.sum += seconds;
  }

  /** As it is now, to be handed to another thread. */
  read(): HistogramCounts {
    return { counts: [...this.counts], sum: this.sum };
  }
}

export function addHistograms(one: HistogramCounts, other: HistogramCounts): HistogramCounts {
  return {
    counts: one.counts.map((count, bucket) => count + (other.counts[bucket] ?? 0)),
    sum: one.sum + other.sum,
  };
}

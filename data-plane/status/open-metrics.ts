import { type HistogramCounts, secondsBounds } from '../metrics/histogram.js';

type Labels = Readonly<Record<string, string>>;

/** A metric family in OpenMetrics 1.0 text; nothing where there is nothing to tell. */
export type Family = readonly string[];

export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** The whole exposition. */
export function exposition(families: readonly Family[]): string {
  return [...families.flat(), '# EOF', ''].join('\n');
}

export function gauge(name: string, help: string, value: number | undefined): Family {
  return value === undefined ? [] : [...head(name, 'gauge', help), `${name} ${value}`];
}

/** @param name without `_total`. */
export function counter(
  name: string,
  help: string,
  value: number | undefined | readonly (readonly [Labels, number])[],
): Family {
  if (value === undefined) return [];
  const samples = typeof value === 'number' ? [[{}, value] as const] : value;
  return [
    ...head(name, 'counter', help),
    ...samples.map(([labels, count]) => `${name}_total${written(labels)} ${count}`),
  ];
}

export function histogram(
  name: string,
  help: string,
  observed: readonly (readonly [Labels, HistogramCounts])[],
): Family {
  if (observed.length === 0) return [];
  const samples = observed.flatMap(([labels, { counts, sum }]) => {
    let upTo = 0;
    const buckets = counts.map((count, bucket) => {
      upTo += count;
      const le = bucket < secondsBounds.length ? `${secondsBounds[bucket]}` : '+Inf';
      return `${name}_bucket${written({ ...labels, le })} ${upTo}`;
    });
    return [
      ...buckets,
      `${name}_count${written(labels)} ${upTo}`,
      `${name}_sum${written(labels)} ${sum}`,
    ];
  });
  return [...head(name, 'histogram', help), ...samples];
}

function head(name: string, type: string, help: string): Family {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

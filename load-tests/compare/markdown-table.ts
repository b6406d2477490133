import { figure, type Metric, ratioToBest } from './metric.js';

/** The metrics as a Markdown table with aligned columns, fit for a terminal as well. */
export function markdownTable(metrics: readonly Metric[], ours: string): string {
  const servers = [...new Set(metrics.flatMap(({ values }) => [...values.keys()]))];
  const head = ['', ...servers, `${ours} to the best of the others`];
  const body = metrics.map((metric) => {
    const cells = servers.map((server) => {
      const value = metric.values.get(server);
      return value === undefined ? '' : figure(value, metric);
    });
    const ratio = ratioToBest(metric, ours);
    return [metric.name, ...cells, ratio === undefined ? '' : ratio.toFixed(2)];
  });
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...body].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('\n');
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { barChart } from '../../load-tests/compare/bar-chart.js';
import { markdownTable } from '../../load-tests/compare/markdown-table.js';
import type { Metric } from '../../load-tests/compare/metric.js';
import { withComparison } from '../../load-tests/compare/readme-section.js';

const metrics: readonly Metric[] = [
  {
    ...{ name: 'CPU', unit: 'µs', digits: 0, better: 'lower' },
    values: new Map([
      ['Signet', 210],
      ['A & <B>', 300],
      ['other', 1280],
    ]),
  },
  {
    ...{ name: 'handshakes', unit: '/s', digits: 1, better: 'higher' },
    values: new Map([
      ['Signet', 1500],
      ['A & <B>', 1000],
      ['other', 750],
    ]),
  },
  {
    ...{ name: 'failed', unit: '', digits: 0, better: 'lower' },
    values: new Map([
      ['Signet', 0],
      ['A & <B>', 0],
      ['other', 2],
    ]),
  },
];

describe('the table of a comparison', () => {
  it('has a row for each metric, aligned, with the ratio to the best of the others', () => {
    expect(markdownTable(metrics, 'Signet').split('\n')).toEqual([
      '|            | Signet     | A & <B>    | other    | Signet to the best of the others |',
      '| ---------- | ---------- | ---------- | -------- | -------------------------------- |',
      '| CPU        | 210 µs     | 300 µs     | 1,280 µs | 0.70                             |',
      '| handshakes | 1,500.0 /s | 1,000.0 /s | 750.0 /s | 1.50                             |',
      '| failed     | 0          | 0          | 2        |                                  |',
    ]);
  });

  it('has no ratio where Signet is alone', () => {
    const alone = metrics.map((metric) => ({ ...metric, values: new Map([['Signet', 1]]) }));
    expect(markdownTable(alone, 'Signet')).toContain('| CPU        | 1 µs   |   ');
  });
});

describe('the plot of a comparison', () => {
  const svg = barChart('A < B', metrics, 'Signet');

  it('draws each figure as a bar, in proportion to the greatest of its metric', () => {
    const widths = [...svg.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)"/g)];
    const [first, , third] = widths.map(([, , width]) => Number(width));
    expect(widths).toHaveLength(9);
    expect(widths.map(([, owner]) => owner).filter((owner) => owner === 'ours')).toHaveLength(3);
    expect((first ?? 0) / (third ?? 1)).toBeCloseTo(210 / 1280, 2);
  });

  it('shows names and figures as text', () => {
    expect(svg).toContain('<title>A &lt; B</title>');
    expect(svg).toContain('>A &amp; &lt;B&gt;</text>');
    expect(svg).toContain('>1,280 µs</text>');
  });
});

describe('the comparison in the README', () => {
  it('is put between its marks, and nothing else is changed', async () => {
    const readme = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
    const once = withComparison(readme, 'figures of $1');
    expect(once).toContain(' -->\n\nfigures of $1\n\n<!-- /comparison -->');
    expect(withComparison(once, 'others').replace('others', 'figures of $1')).toBe(once);
    expect(() => withComparison('no marks', 'figures')).toThrow(/no marks/);
  });
});

import { figure, type Metric } from './metric.js';

const columns = 2;
const panelWidth = 400;
const margin = 20;
const labelWidth = 66;
const figureWidth = 84;
const barHeight = 14;
const barPitch = 20;
const titleHeight = 28;

/** The metrics as an SVG: a panel with a bar for each server, on a scale of its own from 0. */
export function barChart(title: string, metrics: readonly Metric[], ours: string): string {
  const servers = Math.max(...metrics.map(({ values }) => values.size));
  const panelHeight = titleHeight + servers * barPitch + margin;
  const width = margin + columns * (panelWidth + margin);
  const height = margin + Math.ceil(metrics.length / columns) * panelHeight;
  const panels = metrics.map((metric, index) => {
    const x = margin + (index % columns) * (panelWidth + margin);
    const y = margin + Math.floor(index / columns) * panelHeight;
    return `<g transform="translate(${x} ${y})">\n${panel(metric, ours)}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328; }
.name { font-weight: 600; }
.note { fill: #656d76; }
.ours { fill: #0a7d55; }
.other { fill: #afb8c1; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.note { fill: #8d96a0; }
.ours { fill: #2fbf8a; }
.other { fill: #57606a; }
}
</style>
${panels.join('\n')}
</svg>
`;
}

function panel(metric: Metric, ours: string): string {
  const most = Math.max(...metric.values.values());
  const room = panelWidth - labelWidth - figureWidth;
  const bars = [...metric.values].map(([server, value], index) => {
    const y = titleHeight + index * barPitch - barHeight;
    const length = most > 0 ? Math.max(1, (value / most) * room) : 1;
    const text = y + barHeight - 3;
    return [
      `<text x="0" y="${text}">${escapeXml(server)}</text>`,
      `<rect class="${server === ours ? 'ours' : 'other'}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2"/>`,
      `<text x="${(labelWidth + length + 6).toFixed(1)}" y="${text}">${escapeXml(figure(value, metric))}</text>`,
    ].join('\n');
  });
  const name = `<tspan class="name">${escapeXml(metric.name)}</tspan>`;
  const note = `<tspan class="note"> ${metric.better} is better</tspan>`;
  return [`<text x="0" y="0">${name}${note}</text>`, ...bars].join('\n');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}

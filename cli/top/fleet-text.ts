import { table } from '../table.js';
import type { FleetSample, NodeSample } from './sample.js';

/** A sample for people: what matters about the whole, then a line for each node. */
export function fleetText(sample: FleetSample): string {
  const connected = sample.nodes.filter((node) => node.connected).length;
  const total = (read: (node: NodeSample) => number | undefined) =>
    shown(sample.nodes.reduce((sum, node) => sum + (read(node) ?? 0), 0));
  const summary = [
    `revision ${shown(sample.revision)}`,
    `${connected} of ${sample.nodes.length} nodes`,
    `${sample.hosts} hosts, ${sample.expiring} end within 14 days`,
    `${total((node) => node.handshakesPerSecond)} handshakes/s`,
    `${total((node) => node.requestsPerSecond)} requests/s`,
    `${total((node) => node.failuresPerSecond)} failures/s`,
  ];
  const header = [
    ...['NODE', 'STATE', 'REVISION', 'LAG', 'REJECTED', 'CONNECTIONS'],
    ...['HANDSHAKES/S', 'REQUESTS/S', 'FAILURES/S'],
  ];
  const rows = sample.nodes.map((node) => [
    node.name,
    node.connected ? 'connected' : 'away',
    shown(node.revision),
    shown(node.lag),
    shown(node.rejected),
    shown(node.connections),
    shown(node.handshakesPerSecond),
    shown(node.requestsPerSecond),
    shown(node.failuresPerSecond),
  ]);
  return `${sample.time}  ${summary.join(' · ')}\n\n${table(header, rows)}`;
}

function shown(value: number | undefined): string {
  if (value === undefined) return '-';
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

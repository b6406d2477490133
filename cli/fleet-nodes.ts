import { type AdminConnection, type Answer, text } from './admin-connection.js';
import { table } from './table.js';

/** Every node that the control plane knows. */
export async function fetchNodes(admin: AdminConnection): Promise<readonly Answer[]> {
  const nodes: Answer[] = [];
  for await (const node of admin.list('/nodes')) nodes.push(node);
  return nodes;
}

export function nodeTable(nodes: readonly Answer[]): string {
  return table(
    ['NODE', 'STATE', 'REVISION', 'LAG', 'VERSION', 'ADDRESS'],
    nodes.map((node) => [
      text(node, 'name'),
      node['connected'] === true ? 'connected' : 'away',
      cell(node['revision']),
      cell(node['lag']),
      text(node, 'version'),
      text(node, 'address'),
    ]),
  );
}

function cell(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? String(value) : '-';
}

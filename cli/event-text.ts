import { type Answer, text } from './admin-connection.js';
import { part } from './answer-parts.js';

/** One line about an event: when, which, by whom, and what it was about. */
export function eventLine(event: Answer): string {
  const columns = [
    text(event, 'time'),
    String(event['revision'] ?? ''),
    text(event, 'type'),
    text(event, 'actor'),
    subject(event),
  ];
  return `${columns.filter((column) => column !== '').join('  ')}\n`;
}

function subject(event: Answer): string {
  const data = part(event, 'data');
  const api = part(data, 'api');
  const plugin = part(data, 'plugin');
  const certificate = part(data, 'certificate');
  if (api['name'] !== undefined) {
    return words(api['name'], api['request_host'], api['request_path'], api['upstream_url']);
  }
  if (plugin['id'] !== undefined) {
    const off = plugin['enabled'] === false ? 'disabled' : undefined;
    return words(plugin['api_id'] ?? 'all APIs', 'certificate', plugin['certificate_id'], off);
  }
  if (certificate['id'] !== undefined) {
    const names = certificate['names'];
    const list = Array.isArray(names) ? names.slice(0, 3).join(',') : '';
    return words(list, 'until', certificate['not_after'], certificate['id']);
  }
  return words(...Object.values(data).map(named));
}

/** What an object is called, where an event holds one of a kind not known above. */
function named(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { name, id } = value as Answer;
  return name ?? id ?? JSON.stringify(value);
}

function words(...values: readonly unknown[]): string {
  return values.filter((value) => value !== undefined).join(' ');
}

import type { X509Certificate } from 'node:crypto';
import { type Intake, refused, taken } from './intake-fault.js';

export interface LeafNames {
  /** DNS names in lower case, each once, in the order of the certificate. */
  readonly names: readonly string[];
  readonly hasSubjectAltName: boolean;
}

const dnsName = /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/;

/**
 * The names a leaf is good for: its DNS subjectAltNames, else its common name (RFC 9525 §6.3 looks at the
 * former only, but certificates of the plugin's time have the latter alone).
 *
 * A DNS name with bytes that no name can hold (a NUL, a line break, letters beyond ASCII) is a trick
 * or a broken tool, and refused; other names, e.g. with an odd wildcard, are left out.
 */
export function leafNames(leaf: X509Certificate): Intake<LeafNames> {
  const alternatives = parseAlternativeNames(leaf.subjectAltName ?? '');
  if (alternatives === undefined || alternatives.some((name) => /[^\x21-\x7e]/.test(name))) {
    return refused(
      'cert',
      'name-malformed',
      'a subjectAltName holds characters no host name can have',
    );
  }
  if (alternatives.length > 0) {
    return taken({ names: normalised(alternatives), hasSubjectAltName: true });
  }
  const commonName = /^CN=(.*)$/m.exec(leaf.subject ?? '')?.[1] ?? '';
  return taken({ names: normalised([commonName]), hasSubjectAltName: false });
}

function normalised(names: readonly string[]): readonly string[] {
  const lowered = names.map((name) => name.toLowerCase().replace(/\.$/, ''));
  return [...new Set(lowered.filter((name) => dnsName.test(name)))];
}

/**
 * DNS entries of Node's text form `DNS:a.test, IP Address:127.0.0.1, DNS:"b\u0000.test"`: an entry with
 * unusual characters is written as a JSON string. `undefined` if it is none of that.
 */
function parseAlternativeNames(text: string): readonly string[] | undefined {
  const names: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  let at = 0;
  while (at < text.length) {
    entry.lastIndex = at;
    const match = entry.exec(text);
    if (match === null) return undefined;
    const [whole, kind, value = ''] = match;
    at += whole.length;
    if (kind !== 'DNS') continue;
    names.push(value.startsWith('"') ? unquote(value) : value);
  }
  return names;
}

function unquote(text: string): string {
  const value: unknown = JSON.parse(text);
  return typeof value === 'string' ? value : '';
}

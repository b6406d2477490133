import { isFromTrustedPage, isLoopbackHost } from '../../../control-plane/access/origin.js';
import { parseScope } from '../../../control-plane/access/scope.js';
import { parseToken } from '../../../control-plane/access/token.js';
import {
  matchesHost,
  parseHostHeader,
  parseHostname,
  parseHostPattern,
} from '../../../shared/hostname.js';
import { listenAddressPattern, parseListenAddress } from '../../../shared/listen-address.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { bytesOf, mutated, textOf } from '../mutations.js';

const names = [
  'a.test',
  'A-b_c.example.org.',
  '*.example.org',
  'example.*',
  'xn--bcher-kva.example',
  '127.0.0.1:8001',
  '[::1]:8443',
  'localhost',
  'http://localhost:3000',
  'certificates:*.shop.test',
  'a'.repeat(63).concat('.').repeat(4),
];

const hostname = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** What is taken for a name has nothing in it that could be more than a name further in. */
function takeName(text: string): void {
  const name = parseHostname(text);
  if (name !== undefined) {
    if (!hostname.test(name) || name.length > 253) throw new Error(`no name: ${name}`);
    if (parseHostname(name) !== name) throw new Error('not stable');
  }
  const header = parseHostHeader(text);
  if (header !== undefined && /[\s/@\0]/.test(header.text)) throw new Error('no host');
  const pattern = parseHostPattern(text);
  if (pattern !== undefined && name !== undefined && !matchesHost(pattern, name)) {
    throw new Error('a name does not match itself');
  }
  if (isLoopbackHost(text) && /[/@?#\s]/.test(text)) throw new Error('no host is taken for ours');
  isFromTrustedPage({ origin: text, host: 'localhost:8001' });
  parseScope(text);
  parseToken(text);
  if (new RegExp(listenAddressPattern).test(text)) parseListenAddress(text);
}

export const nameTarget: FuzzTarget = {
  name: 'names',
  share: 20,
  prepare: () => ({
    inputs: mutated(bytesOf(...names), { maxBytes: 70_000 }),
    run: (input) => takeName(textOf(input)),
  }),
};

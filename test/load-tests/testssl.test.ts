import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listedFindings, unlisted } from '../../load-tests/support/testssl.js';

it('docs/tls.md lists what testssl.sh may find, as check:testssl reads it', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/tls.md'), 'utf8');
  expect([...listedFindings(text)]).toEqual([
    ['cipher_order', 'HIGH'],
    ['cert_revocation', 'HIGH'],
    ['DNS_CAArecord', 'LOW'],
    ['HSTS', 'LOW'],
    ['security_headers', 'MEDIUM'],
  ]);
});

it('a finding is unlisted that is not in the table, or worse than there', () => {
  const listed = listedFindings('| `HSTS` | LOW | why |\n| `BEAST` | MEDIUM | why |\n');
  const found = [
    { id: 'HSTS', severity: 'LOW', finding: '' },
    { id: 'HSTS', severity: 'MEDIUM', finding: '' },
    { id: 'BEAST', severity: 'LOW', finding: '' },
    { id: 'RC4', severity: 'LOW', finding: '' },
  ] as const;
  expect(unlisted(found, listed)).toEqual([found[1], found[3]]);
});

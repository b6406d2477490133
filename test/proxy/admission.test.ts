import { describe, expect, it } from 'vitest';
import { isLoop } from '../../data-plane/proxy/admission.js';

function times(count: number, hop: string): string {
  return Array<string>(count).fill(hop).join(', ');
}

describe('a loop', () => {
  it.each([
    ['eight passes', times(8, '1.1 signet')],
    ['with comments', times(8, '1.1 signet (a)')],
    ['with tabs and without blanks', times(8, '1.1\tsignet').replaceAll(', ', ',')],
    ['among others', `1.0 fred, ${times(8, 'HTTP/1.1 signet, 1.1 nginx')}`],
  ])('is this gateway in Via again and again: %s', (_, via) => {
    expect(isLoop(via, 'signet')).toBe(true);
  });

  it.each([
    ['no Via', undefined],
    ['seven passes', times(7, '1.1 signet')],
    ['a longer name', times(9, '1.1 signetfoo')],
    ['a name with a suffix', times(9, '1.1 signet-2, 1.1 signet.test, 1.1 signet:80')],
    ['a comment', times(9, '1.1 fred (not signet)')],
  ])('is none of %s', (_, via) => {
    expect(isLoop(via, 'signet')).toBe(false);
  });
});

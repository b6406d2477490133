import { describe, expect, it } from 'vitest';
import { EventParser } from '../../console/src/api/server-sent-events.js';
import { sortPem } from '../../console/src/host/pem.js';
import { expiryBins, timesOf } from '../../console/src/hosts/expiry-bins.js';
import { describeDays, urgencyOf } from '../../console/src/parts/time.js';

const pem = (label: string, body = 'AAAA') =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----`;

describe('dropped PEM files', () => {
  it('are put where they belong, whatever the files are called and however many', () => {
    const leaf = pem('CERTIFICATE', 'TEVBRg==');
    const issuer = pem('CERTIFICATE', 'SVNTVUVS');
    const key = pem('EC PRIVATE KEY');
    const together = sortPem([`${leaf}\n${pem('EC PARAMETERS')}\n${key}\n${issuer}`]);
    expect(together).toEqual({ chain: `${leaf}\n${issuer}\n`, key: `${key}\n` });
    expect(sortPem([key, leaf, issuer])).toEqual(together);
  });

  it.each([
    [['nothing'], 'neither a certificate nor'],
    [[pem('PRIVATE KEY'), pem('PRIVATE KEY')], 'more than one private key'],
    [[pem('CERTIFICATE'), pem('CERTIFICATE REQUEST')], 'CERTIFICATE REQUEST'],
  ])('say what is wrong with %j', (texts, words) => {
    expect(sortPem(texts).problem).toContain(words);
  });
});

describe('server-sent events', () => {
  it('are read whole from whatever pieces they come in', () => {
    const text = ': hello\n\nevent: overview\ndata: {"a":1}\n\ndata: x\ndata: y\n\n';
    for (let size = 1; size <= text.length; size++) {
      const parser = new EventParser();
      const events = [];
      for (let at = 0; at < text.length; at += size) {
        events.push(...parser.push(text.slice(at, at + size)));
      }
      expect(events).toEqual([
        { event: 'overview', data: '{"a":1}' },
        { event: 'message', data: 'x\ny' },
      ]);
    }
  });
});

describe('expiry', () => {
  it('counts every host in one bin', () => {
    const days = Array.from({ length: 200 }, (_, n) => [n - 20, 2] as const);
    const bins = expiryBins(days);
    expect(bins.reduce((sum, { hosts }) => sum + hosts, 0)).toBe(400);
    expect(bins[0]).toMatchObject({ id: 'expired', hosts: 40 });
    expect(bins.at(-1)).toMatchObject({ id: 'later', hosts: 178 });
    for (const [index, bin] of bins.entries()) {
      if (index > 0) expect(bin.from).toBe(bins[index - 1]?.until);
    }
    expect(timesOf({ ...bins[1], from: 0, until: 7 } as (typeof bins)[1], 1_000)).toEqual({
      expiresFrom: 1_000,
      expiresUntil: 1_000 + 7 * 86_400_000,
    });
  });

  it('says how long is left in words', () => {
    expect([-4, -1, 0, 1, 30].map(describeDays)).toEqual([
      'ended 3 days ago',
      'ended today',
      'ends today',
      '1 day left',
      '30 days left',
    ]);
  });

  it('judges urgency by the lifetime: six days left are many for a certificate of seven', () => {
    const now = Date.parse('2026-06-10T00:00:00Z');
    const until = (not_before: string) => ({ not_before, not_after: '2026-06-16T00:00:00Z' });
    expect(urgencyOf(until('2026-06-09T00:00:00Z'), now)).toBe('fine');
    expect(urgencyOf(until('2026-03-18T00:00:00Z'), now)).toBe('urgent');
    expect(urgencyOf(until('2026-03-18T00:00:00Z'), Date.parse('2026-06-17'))).toBe('expired');
  });
});

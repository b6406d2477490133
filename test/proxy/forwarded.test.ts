import { describe, expect, it } from 'vitest';
import { forwardedBy } from '../../data-plane/proxy/forwarding/forwarded.js';

describe('Forwarded', () => {
  it('quotes what is no token: IPv6 in brackets, a host with its port', () => {
    const hop = { peer: '2001:db8::1', host: '[::1]:8443', scheme: 'https' } as const;
    expect(forwardedBy(hop, undefined)).toBe('for="[2001:db8::1]";host="[::1]:8443";proto=https');
    expect(forwardedBy({ ...hop, host: '' }, undefined)).toBe('for="[2001:db8::1]";proto=https');
  });

  it('takes any length of what was told before in linear time', () => {
    const hop = { peer: '192.0.2.1', host: undefined, scheme: 'http' } as const;
    const told = `${'for=a;'.repeat(5000)}${'for="\\"'.repeat(5000)}`;
    const start = process.cpuUsage().user;
    expect(forwardedBy(hop, told)).toBe('for=192.0.2.1;proto=http');
    expect(process.cpuUsage().user - start).toBeLessThan(200_000);
  });
});

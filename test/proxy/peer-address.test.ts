import { describe, expect, it } from 'vitest';
import { formatPeerAddress, peerAddressText } from '../../data-plane/proxy/client/peer-address.js';

const bytes = (...octets: number[]) => new Uint8Array(octets).buffer;
const mapped = (...octets: number[]) => bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...octets);

describe('the text of a peer’s address', () => {
  it.each([
    ['192.0.2.1', bytes(192, 0, 2, 1)],
    ['255.255.255.255', bytes(255, 255, 255, 255)],
    ['192.0.2.1', mapped(192, 0, 2, 1)],
    ['2001:db8::1', bytes(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
    ['::', bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ['2001:0:0:1::ff', bytes(0x20, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff)],
    ['0.0.0.0', bytes()],
  ])('is %s, the first time and the second', (text, address) => {
    expect(peerAddressText(address)).toBe(text);
    expect(peerAddressText(address)).toBe(text);
  });

  it('is that of no other address, however many were asked for', () => {
    for (let n = 0; n < 3_000; n++) {
      const last = [n >> 8, n & 0xff];
      for (const address of [
        bytes(10, 0, ...last),
        bytes(...last, 0, 10),
        mapped(10, 0, ...last),
        bytes(0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...last),
      ]) {
        expect(peerAddressText(address)).toBe(formatPeerAddress(address));
        expect(peerAddressText(address)).toBe(formatPeerAddress(address));
      }
    }
  });
});

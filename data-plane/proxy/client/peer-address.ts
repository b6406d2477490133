/** Texts of addresses: the few proxies or the many requests of one client ask for them again and again. */
const known = new Map<string | number, string>();
const maxKnown = 1_000;

/** What `formatPeerAddress` says, remembered. */
export function peerAddressText(bytes: ArrayBuffer): string {
  const key = keyOf(bytes);
  let text = known.get(key);
  if (text === undefined) {
    if (known.size >= maxKnown) known.clear();
    text = formatPeerAddress(bytes);
    known.set(key, text);
  }
  return text;
}

/** All bytes of an address, those of IPv4 as a number: the cheapest key there is. */
function keyOf(bytes: ArrayBuffer): string | number {
  if (bytes.byteLength === 4) return new Int32Array(bytes)[0] as number;
  return Buffer.from(bytes).toString('latin1');
}

/**
 * The text of an address as the engine gives it: 4 or 16 bytes. IPv4 seen through an IPv6 socket
 * (`::ffff:a.b.c.d`) is written as IPv4; IPv6 as RFC 5952 has it.
 */
export function formatPeerAddress(bytes: ArrayBuffer): string {
  const octets = new Uint8Array(bytes);
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
  if (octets.length !== 16) return '0.0.0.0';
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0));
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return octets.subarray(12).join('.');
  }
  return compress(groups);
}

/** Replaces the longest run of at least two zero groups, the first of equal ones, by `::`. */
function compress(groups: readonly number[]): string {
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length > runLength) {
      runStart = i;
      runLength = length;
    }
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (runStart === -1) return text(groups);
  return `${text(groups.slice(0, runStart))}::${text(groups.slice(runStart + runLength))}`;
}

import { createPrivateKey } from 'node:crypto';

/** A secret that was planted, and what it is called. */
export interface Canary {
  readonly name: string;
  readonly bytes: Buffer;
}

interface Needle {
  readonly name: string;
  readonly text: Buffer;
}

/** The numbers of a private key that make it private; its public half may be seen. */
export function keyCanaries(name: string, keyPem: string): Canary[] {
  const jwk = createPrivateKey(keyPem).export({ format: 'jwk' });
  const numbers = Object.entries({ d: jwk.d, p: jwk.p, q: jwk.q });
  return numbers.flatMap(([field, value]) =>
    value === undefined
      ? []
      : [{ name: `${name} (${field})`, bytes: Buffer.from(value, 'base64url') }],
  );
}

/**
 * What a PEM shows of those numbers, a piece of each line: the rest of it, the public half above all, may
 * stand in the certificate in just the same characters.
 */
export function pemCanaries(name: string, keyPem: string): Canary[] {
  const lines = keyPem.split('\n').filter((line) => line !== '' && !line.includes('-----'));
  const width = lines[0]?.length ?? 0;
  const body = lines.join('');
  const der = Buffer.from(body, 'base64');
  return keyCanaries(name, keyPem).flatMap(({ name: number, bytes }) => {
    const at = der.indexOf(bytes);
    if (at < 0) throw new Error(`${number} is not in its PEM`);
    const end = Math.floor((at + bytes.length) / 3) * 4;
    const pieces: Canary[] = [];
    for (let from = Math.ceil(at / 3) * 4; from < end; from += width - (from % width)) {
      const piece = body.slice(from, Math.min(end, from + width - (from % width)));
      if (piece.length < 16) continue;
      const line = Math.floor(from / width) + 1;
      pieces.push({
        name: `${number} (line ${line} of the PEM)`,
        bytes: Buffer.from(piece.slice(-28), 'latin1'),
      });
    }
    return pieces;
  });
}

/**
 * Looks for secrets in all that a system wrote or said: as they are, in hex, in Base64 at each of its
 * three alignments, and as the list of numbers that a buffer is in JSON.
 */
export class CanaryHunt {
  readonly #needles: readonly Needle[];
  readonly found: string[] = [];
  searchedBytes = 0;

  constructor(canaries: readonly Canary[]) {
    this.#needles = canaries.flatMap(({ name, bytes }) =>
      encodings(bytes).map(([form, text]) => ({ name: `${name} as ${form}`, text })),
    );
  }

  search(where: string, content: Buffer | string): void {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content, 'utf8');
    this.searchedBytes += bytes.length;
    for (const { name, text } of this.#needles) {
      if (bytes.includes(text)) this.found.push(`${name} in ${where}`);
    }
  }
}

function encodings(bytes: Buffer): [string, Buffer][] {
  const forms: [string, Buffer][] = [
    ['itself', bytes],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['capital hex', Buffer.from(bytes.toString('hex').toUpperCase())],
    ['a list of numbers', Buffer.from([...bytes].join(','))],
  ];
  for (const encoding of ['base64', 'base64url'] as const) {
    for (const offset of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(encoding);
      // What lies beside the secret decides the first and last characters.
      forms.push([`${encoding} at ${offset}`, Buffer.from(text.slice(offset === 0 ? 0 : 4, -4))]);
    }
  }
  return forms;
}

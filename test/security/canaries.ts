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

/** The middle of the key's Base64, as PEM and JSON carry it, however the lines are broken. */
export function pemCanaries(name: string, keyPem: string): Canary[] {
  const lines = keyPem.split('\n').filter((line) => line.length >= 40 && !line.includes('-----'));
  // The first line begins as every key does; of what follows each line is the key's own.
  return lines.map((line, index) => ({
    name: `${name} (line ${index + 1} of the PEM)`,
    bytes: Buffer.from(line.slice(-28), 'latin1'),
  }));
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

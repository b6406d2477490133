import { type Intake, type IntakeField, refused, taken } from './intake-fault.js';

/** One `-----BEGIN …-----` block (RFC 7468); text around blocks is allowed and skipped. */
export interface PemBlock {
  readonly label: string;
  /** `Proc-Type` and the like (RFC 1421), absent from all that is written today. */
  readonly encrypted: boolean;
  readonly der: Buffer;
}

export interface PemLimits {
  readonly maxBytes: number;
  readonly maxBlocks: number;
}

const begin = '-----BEGIN ';
const end = '-----END ';
const dashes = '-----';
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * Cuts PEM text into blocks in one pass, whatever it holds; nothing is parsed beyond Base64. Limits
 * are checked before any work that grows with them.
 */
export function readPemBlocks(
  text: string,
  field: IntakeField,
  limits: PemLimits,
): Intake<readonly PemBlock[]> {
  if (Buffer.byteLength(text, 'utf8') > limits.maxBytes) {
    return refused(
      field,
      'pem-too-large',
      `more than ${limits.maxBytes / 1024} KiB of text; send the PEM blocks that are needed alone`,
    );
  }
  const blocks: PemBlock[] = [];
  let at = text.indexOf(begin);
  while (at !== -1) {
    if (blocks.length === limits.maxBlocks) {
      return refused(field, 'pem-too-many-blocks', `more than ${limits.maxBlocks} PEM blocks`);
    }
    const number = blocks.length + 1;
    const labelEnd = text.indexOf(dashes, at + begin.length);
    const label = text.slice(at + begin.length, labelEnd === -1 ? at : labelEnd);
    if (!/^[A-Z0-9 ]{1,64}$/.test(label)) {
      return refused(field, 'pem-malformed', `PEM block ${number} has no readable BEGIN line`);
    }
    const endLine = `${end}${label}${dashes}`;
    const bodyEnd = text.indexOf(endLine, labelEnd);
    if (bodyEnd === -1) {
      return refused(field, 'pem-malformed', `PEM block ${number} (${label}) has no END line`);
    }
    const block = readBody(label, text.slice(labelEnd + dashes.length, bodyEnd));
    if (block === undefined) {
      return refused(field, 'pem-malformed', `PEM block ${number} (${label}) is not Base64`);
    }
    blocks.push(block);
    at = text.indexOf(begin, bodyEnd + endLine.length);
  }
  if (blocks.length === 0) {
    const wanted = field === 'cert' ? 'CERTIFICATE' : 'PRIVATE KEY';
    return refused(
      field,
      'pem-missing',
      `no PEM block; expected text with "${begin}${wanted}${dashes}"`,
    );
  }
  return taken(blocks);
}

/** One block, in lines of 64 characters, without a line break at its end. */
export function toPem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return [`${begin}${label}${dashes}`, ...lines, `${end}${label}${dashes}`].join('\n');
}

function readBody(label: string, body: string): PemBlock | undefined {
  const headers = /^\s*(?:[A-Za-z-]+:[^\n]*\n)+\s*\n/.exec(body)?.[0] ?? '';
  const text = body.slice(headers.length).replace(/\s+/g, '');
  if (!base64.test(text) || text.length % 4 !== 0) return undefined;
  const encrypted =
    /^Proc-Type:\s*4\s*,\s*ENCRYPTED/im.test(headers) || label.startsWith('ENCRYPTED');
  return { label, encrypted, der: Buffer.from(text, 'base64') };
}

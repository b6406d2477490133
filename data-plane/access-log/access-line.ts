import type { AccessEntry } from './access-log.js';

export type AccessLogFormat = 'json' | 'combined';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** One line of the access log, its end included. */
export function accessLine(format: AccessLogFormat, entry: AccessEntry, at: Date): string {
  return format === 'json' ? jsonLine(entry, at) : combinedLine(entry, at);
}

function jsonLine(entry: AccessEntry, at: Date): string {
  const { durationMs, ...fields } = entry;
  const rounded = Math.round(durationMs * 1000) / 1000;
  return `${JSON.stringify({ time: at.toISOString(), ...fields, durationMs: rounded })}\n`;
}

/** As Apache and nginx write it; what is not recorded is `-`. */
function combinedLine({ client, method, path, status }: AccessEntry, at: Date): string {
  const request = method === '' ? '-' : `${method} ${escaped(path)} HTTP/1.1`;
  return `${client} - - [${apacheTime(at)}] "${request}" ${status} - "-" "-"\n`;
}

function apacheTime(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(at.getUTCDate())}/${months[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${day}:${time} +0000`;
}

/** A quote or a control character would let a client forge what follows in the line. */
function escaped(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]|["\\]/g, (character) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

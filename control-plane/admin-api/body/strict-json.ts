import { bodyLimits, type RawObject, type RawValue, setPath } from './raw-value.js';

/** A key, its value, and lists of some length here and there. */
const stringsPerField = 10;

/** JSON that is broken, too deep, too wide, or says two things under one key. */
export class JsonFault extends Error {}

/**
 * Parses a JSON object into Maps. Depth, width and duplicate keys are checked in one pass over the text
 * before anything is built of it: `JSON.parse` alone would let the last duplicate win unseen.
 * @throws JsonFault
 */
export function parseStrictJson(text: string, maxFields: number = bodyLimits.fields): RawObject {
  scan(text, maxFields);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message may quote a private key.
    throw new JsonFault('it is not JSON');
  }
  const raw = toRaw(value);
  if (!(raw instanceof Map)) throw new JsonFault('it is not an object');
  return raw;
}

function toRaw(value: unknown): RawValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(toRaw);
  const raw: RawObject = new Map();
  for (const [key, each] of Object.entries(value ?? {})) setPath(raw, key, toRaw(each));
  return raw;
}

/** Walks over the text's structure; what is no JSON at all is left for the parser to refuse. */
function scan(text: string, maxFields: number): void {
  const open: (Set<string> | undefined)[] = [];
  let keys = 0;
  let strings = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      if (open.length > bodyLimits.depth) throw new JsonFault('it is nested too deeply');
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === '"') {
      const end = stringEnd(text, at);
      if (++strings > maxFields * stringsPerField) throw new JsonFault('it has too many values');
      if (isFollowedByColon(text, end + 1)) {
        if (++keys > maxFields) throw new JsonFault('it has too many fields');
        noteKey(open.at(-1), text.slice(at, end + 1));
      }
      at = end;
    }
  }
}

/** Index of the quote that closes the string opened at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at === -1) return text.length;
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}

function isFollowedByColon(text: string, from: number): boolean {
  const space = /\s*/y;
  space.lastIndex = from;
  space.test(text);
  return text[space.lastIndex] === ':';
}

function noteKey(seen: Set<string> | undefined, quoted: string): void {
  if (seen === undefined) return;
  let key: unknown;
  try {
    key = JSON.parse(quoted);
  } catch {
    throw new JsonFault('it is not JSON');
  }
  if (typeof key !== 'string' || key.length > bodyLimits.fieldNameBytes) {
    throw new JsonFault('it has a field name that is too long');
  }
  if (seen.has(key)) throw new JsonFault('it has a field twice');
  seen.add(key);
}

import { bodyLimits, type RawObject, type RawValue, setPath } from './raw-value.js';

/** JSON that is broken, too deep, too wide, or says two things under one key. */
export class JsonFault extends Error {}

/**
 * Parses a JSON object into Maps. Depth, width and duplicate keys are checked in one pass over the text
 * before anything is built of it: `JSON.parse` alone would let the last duplicate win unseen.
 * @throws JsonFault
 */
export function parseStrictJson(text: string): RawObject {
  scan(text);
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
function scan(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let keys = 0;
  const structure = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;
  for (const match of text.matchAll(structure)) {
    const [token, colon] = match;
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined);
      if (open.length > bodyLimits.depth) throw new JsonFault('it is nested too deeply');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (colon !== undefined) {
      if (++keys > bodyLimits.fields) throw new JsonFault('it has too many fields');
      noteKey(open.at(-1), token.slice(0, -colon.length));
    }
  }
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

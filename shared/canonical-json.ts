/** What JSON can say; an absent property may also be written as `undefined`. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/**
 * One text for each value (RFC 8785): property names in UTF-16 order, no white space, numbers and
 * strings as ECMAScript writes them. Equal values give equal bytes, so they can be hashed.
 * @throws TypeError for what has no JSON form: a lone surrogate, NaN, an infinity.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members: string[] = [];
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== undefined) members.push(`${canonicalString(name)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** Canonical text of plain data whose type is an interface. @throws TypeError as `canonicalJson`. */
export function canonicalText(data: object): string {
  // Interfaces have no implicit index signature, hence the cast.
  return canonicalJson(data as JsonValue);
}

/** Whether two pieces of plain data say the same; a property that is `undefined` is one that is absent. */
export function isSameData(a: object, b: object): boolean {
  return a === b || canonicalText(a) === canonicalText(b);
}

// Array.isArray does not narrow a readonly array out of a union.
function isArray(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function canonicalString(text: string): string {
  // UTF-8 cannot carry a lone surrogate: encoding would silently turn it into U+FFFD.
  if (/\p{Surrogate}/u.test(text)) throw new TypeError('a lone surrogate has no JSON form');
  return JSON.stringify(text);
}

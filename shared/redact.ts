/**
 * What never reaches a log line. The first list is by field name, one level deep and nested once;
 * the second net catches a key that some library put into a message or a stack.
 */
const secretFields = [
  'key',
  'keyPem',
  'privateKey',
  'passphrase',
  'password',
  'secret',
  'token',
  'joinToken',
  'join_token',
  'masterKey',
  'dataKey',
  'authorization',
  'cookie',
  'set-cookie',
  'config.key',
  '["config.key"]',
];

export const redactedPaths: readonly string[] = secretFields.flatMap((field) =>
  field.startsWith('[')
    ? [field, `*${field}`]
    : [field, field.includes('-') ? `*["${field}"]` : `*.${field}`],
);

export const redacted = '[redacted]';

/**
 * A block cut off in the middle ends at the quote that ends its JSON string, escaped or not. A marker
 * with nothing behind it, as error messages have it, is no key.
 */
const privateKeyBlock =
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[^"\\]|\\[^"]){4,}?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?=\\?"|$))/g;

/** Blanks PEM private keys, whole or cut off, in a line of JSON: the line stays JSON. */
export function redactPrivateKeys(text: string): string {
  return text.includes('PRIVATE KEY-----') ? text.replace(privateKeyBlock, redacted) : text;
}

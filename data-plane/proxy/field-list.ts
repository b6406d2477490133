/** The members of a field that is a comma-separated list (RFC 9110 §5.6.1), in lower case. */
export function listItems(value: string): string[] {
  const text = value.toLowerCase();
  // `close` and `keep-alive` alone are nearly all that is ever sent.
  if (!text.includes(',')) return text.trim() === '' ? [] : [text.trim()];
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** The value of a field that came several times as one (RFC 9110 §5.3). */
export function joinValues(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

/** The members of a field that is a comma-separated list (RFC 9110 §5.6.1), in lower case. */
export function listItems(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** The value of a field that came several times as one (RFC 9110 §5.3). */
export function joinValues(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

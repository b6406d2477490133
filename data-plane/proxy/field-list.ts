const keepAlive: readonly string[] = ['keep-alive'];
const close: readonly string[] = ['close'];

/** The members of a field that is a comma-separated list (RFC 9110 §5.6.1), in lower case. */
export function listItems(value: string): readonly string[] {
  // Nearly all that is ever sent.
  if (value === 'keep-alive') return keepAlive;
  if (value === 'close') return close;
  return value
    .toLowerCase()
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Whether a member of `Connection` names a header field, not something of the connection itself. */
export function nominatesFields(options: readonly string[]): boolean {
  return options.some((option) => option !== 'keep-alive' && option !== 'close');
}

/** The value of a field that came several times as one (RFC 9110 §5.3). */
export function joinValues(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

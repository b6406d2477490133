/**
 * The caller's token: in this module's memory and nowhere else, so that it is gone with the page. No
 * cookie and no storage, which other pages and later sessions could use.
 */
let token: string | undefined;

export const currentToken = (): string | undefined => token;

export function keepToken(value: string | undefined): void {
  token = value;
}

/** How the client's body is framed; the engine decodes it, we frame it anew. */
export type RequestFraming =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

const contentLengthSyntax = /^[0-9]{1,15}$/;
const noBody: RequestFraming = { kind: 'none' };
const chunked: RequestFraming = { kind: 'chunked' };

/** Strict where the engine is lax (RFC 9112 §6.3); otherwise the text is what is wrong. */
export function readFraming(
  contentLength: string | undefined,
  transferEncoding: string | undefined,
): RequestFraming | string {
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return 'both Content-Length and Transfer-Encoding';
    // The engine takes any coding for chunked.
    return transferEncoding.toLowerCase() === 'chunked' ? chunked : 'unknown transfer coding';
  }
  if (contentLength === undefined) return noBody;
  if (!contentLengthSyntax.test(contentLength)) return 'malformed Content-Length';
  return { kind: 'length', length: Number(contentLength) };
}

/** Whether the engine will hand over body bytes that the upstream is to get. */
export function expectsBody(framing: RequestFraming): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.length > 0);
}

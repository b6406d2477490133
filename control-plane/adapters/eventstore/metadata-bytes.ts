/**
 * The client hands metadata back parsed where it is JSON, and as bytes where it is not. Metadata that
 * survives the way through parse and stringify is stored as it is, readable in the store's own tools;
 * any other gets a leading NUL, which no JSON text begins with, and comes back as bytes.
 */
export function toStoredMetadata(metadata: Uint8Array): Uint8Array {
  if (metadata.byteLength === 0 || isStableJson(metadata)) {
    // The client sends exactly this class as bytes; a Buffer would be stringified.
    return new Uint8Array(metadata);
  }
  const escaped = new Uint8Array(metadata.byteLength + 1);
  escaped.set(metadata, 1);
  return escaped;
}

/** @throws TypeError for metadata that `toStoredMetadata` did not write. */
export function fromStoredMetadata(metadata: unknown): Uint8Array {
  if (metadata === undefined) return new Uint8Array(0);
  if (!(metadata instanceof Uint8Array)) return Buffer.from(JSON.stringify(metadata), 'utf8');
  if (metadata[0] !== 0) throw new TypeError('metadata was not written by Signet');
  return metadata.subarray(1);
}

function isStableJson(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const again = JSON.stringify(JSON.parse(buffer.toString('utf8')));
    return buffer.equals(Buffer.from(again, 'utf8'));
  } catch {
    return false;
  }
}

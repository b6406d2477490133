import { randomUUID } from 'node:crypto';
import type { ApiId, CertificateId, KeyId, PluginId } from '../../shared/gateway-model.js';

type Id = ApiId | PluginId | CertificateId | KeyId;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** A fresh id of the kind that the caller asks for. `randomUUID` makes version 4 in lower case. */
export function newId<Wanted extends Id>(): Wanted {
  return randomUUID() as string as Wanted;
}

/**
 * An id as a client wrote it. Of which kind of entity is the caller's word: an id that no entity of that
 * kind has finds none.
 */
export function parseId<Wanted extends Id>(text: string | undefined): Wanted | undefined {
  return text !== undefined && isUuid(text) ? (text.toLowerCase() as Wanted) : undefined;
}

import { hash } from 'node:crypto';
import { canonicalJson, canonicalText } from './canonical-json.js';
import type { ServedCertificate, SnapshotEntry } from './snapshot.js';

/** A snapshot entry without its secret: all that a digest covers. The fingerprint stands for the key. */
export type PublicSnapshotEntry =
  | Exclude<SnapshotEntry, { kind: 'certificate' }>
  | { readonly kind: 'certificate'; readonly value: Omit<ServedCertificate, 'keyPem'> };

/** SHA-256 of one entry, as a number. */
export type EntryHash = bigint;

const modulus = 1n << 256n;

/**
 * Digest of a set of entries: the sum of their hashes modulo 2^256. Independent of order and
 * incremental, so one changed entry among 100,000 costs one hash. It finds divergence by accident
 * (a lost delta, a torn row, a defect); it is no defence against who chooses the entries, that is
 * the mutual TLS the entries come over.
 */
export type SnapshotDigest = bigint;

export const emptyDigest: SnapshotDigest = 0n;

export function entryHash(entry: PublicSnapshotEntry): EntryHash {
  return BigInt(`0x${hash('sha256', `${entry.kind}\0${publicText(entry)}`)}`);
}

export function withEntry(digest: SnapshotDigest, hash: EntryHash): SnapshotDigest {
  return (digest + hash) % modulus;
}

export function withoutEntry(digest: SnapshotDigest, hash: EntryHash): SnapshotDigest {
  return (digest - hash + modulus) % modulus;
}

/** 64 lower-case hex digits. */
export function formatDigest(digest: SnapshotDigest): string {
  return digest.toString(16).padStart(64, '0');
}

/** Inverse of `formatDigest`, for text that it wrote. */
export function parseDigest(text: string): SnapshotDigest {
  return BigInt(`0x${text}`);
}

function publicText(entry: PublicSnapshotEntry): string {
  if (entry.kind !== 'certificate') return canonicalText(entry.value);
  const { id, fingerprint256, chainPem, notAfter } = entry.value;
  return canonicalJson({ id, fingerprint256, chainPem, notAfter });
}

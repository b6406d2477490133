import type { CertificateId } from '../../shared/gateway-model.js';
import type { RejectedEntry } from '../../shared/snapshot.js';

/** Puts together what several workers or processes found: they see the same faults, at various hosts. */
export function mergeRejections(rejections: readonly RejectedEntry[]): RejectedEntry[] {
  const merged = new Map<CertificateId, RejectedEntry>();
  for (const rejection of rejections) {
    const known = merged.get(rejection.certificateId);
    const hosts = [...new Set([...(known?.hosts ?? []), ...rejection.hosts])];
    merged.set(rejection.certificateId, { ...(known ?? rejection), hosts });
  }
  return [...merged.values()];
}

/** Rejections are rare; more than this are not passed on to workers and processes that start later. */
const maxRemembered = 10_000;

/** All rejections so far and `more`, the latest of them if there are too many. */
export function withRejections(
  known: readonly RejectedEntry[],
  more: readonly RejectedEntry[],
): readonly RejectedEntry[] {
  return more.length === 0 ? known : mergeRejections([...known, ...more]).slice(-maxRemembered);
}

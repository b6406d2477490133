import type { Api, SslPlugin } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import { type Revision, revision } from '../../shared/revision.js';
import type {
  ServedCertificate,
  SnapshotDelta,
  SnapshotEntry,
  SnapshotEntryKey,
} from '../../shared/snapshot.js';
import { apiId, certificateId, pluginId } from '../support/gateway-fixtures.js';

export const logId = '11111111-1111-4111-8111-111111111111';

export function apiEntry(n: number, overrides: Partial<Api> = {}): SnapshotEntry {
  const value: Api = {
    id: apiId(n),
    createdAt: 1000 + n,
    name: `api-${n}`,
    requestHost: `Host-${n}.test`,
    upstreamUrl: 'http://127.0.0.1:9',
    stripRequestPath: false,
    preserveHost: false,
    ...overrides,
  };
  return { kind: 'api', value };
}

/** The plugin of API `api`, or of every API. */
export function pluginEntry(
  n: number,
  api: number | 'all',
  certificate: number,
  enabled = true,
): SnapshotEntry {
  const value: SslPlugin = {
    id: pluginId(n),
    name: 'ssl',
    ...(api === 'all' ? {} : { apiId: apiId(api) }),
    createdAt: 2000 + n,
    enabled,
    config: {
      certificateId: certificateId(certificate),
      onlyHttps: false,
      acceptHttpIfAlreadyTerminated: false,
    },
  };
  return { kind: 'plugin', value };
}

export function servedCertificate(n: number): ServedCertificate {
  return {
    id: certificateId(n),
    fingerprint256: n.toString(16).padStart(64, '0'),
    chainPem: `chain ${n}`,
    keyPem: `canary-key-${n}`,
    notAfter: 3000 + n,
  };
}

export function certificateEntry(n: number): SnapshotEntry {
  return { kind: 'certificate', value: servedCertificate(n) };
}

export const apiKey = (n: number): SnapshotEntryKey => ({ kind: 'api', id: apiId(n) });
export const pluginKey = (n: number): SnapshotEntryKey => ({ kind: 'plugin', id: pluginId(n) });
export const certificateKey = (n: number): SnapshotEntryKey => ({
  kind: 'certificate',
  id: certificateId(n),
});

export function delta(
  from: number | 'empty',
  to: number,
  upserts: readonly SnapshotEntry[] = [],
  removals: readonly SnapshotEntryKey[] = [],
): SnapshotDelta {
  return { logId, from: from === 'empty' ? from : at(from), to: at(to), upserts, removals };
}

export function at(value: number): Revision {
  return revision(value);
}

export interface RecordingLogger extends Logger {
  readonly lines: { readonly fields: object; readonly message: string }[];
}

/** A logger that keeps what it was told, for tests that look at warnings. */
export function recordingLogger(): RecordingLogger {
  const lines: RecordingLogger['lines'] = [];
  const write = (fields: object, message: string) => void lines.push({ fields, message });
  const logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    lines,
    child: () => logger,
  };
  return logger;
}

import type { RecordedEvent } from '../../shared/events.js';
import type { Certificate, CertificateId, PluginId } from '../../shared/gateway-model.js';
import type { SnapshotEntryKey } from '../../shared/snapshot.js';
import {
  type EntryHash,
  emptyDigest,
  entryHash,
  type PublicSnapshotEntry,
  type SnapshotDigest,
  withEntry,
  withoutEntry,
} from '../../shared/snapshot-digest.js';
import type { GatewayState } from '../domain/state.js';

/**
 * The entry that nodes have at a state, without its key; `undefined` if they have none. Certificates
 * that no plugin uses stay in the control plane.
 */
export function entryAt(
  state: GatewayState,
  key: SnapshotEntryKey,
): PublicSnapshotEntry | undefined {
  switch (key.kind) {
    case 'api': {
      const value = state.apis.get(key.id);
      return value && { kind: 'api', value };
    }
    case 'plugin': {
      const value = state.plugins.get(key.id);
      return value && { kind: 'plugin', value };
    }
    case 'certificate': {
      const certificate = state.certificates.get(key.id);
      if (certificate === undefined || !state.usesByCertificate.has(key.id)) return undefined;
      const { id, fingerprint256, notAfter } = certificate;
      const chainPem = chainOf(certificate);
      return { kind: 'certificate', value: { id, fingerprint256, chainPem, notAfter } };
    }
  }
}

/** Names of every entry, in an order in which each one's references come before it. */
export function* entryKeysAt(state: GatewayState): Generator<SnapshotEntryKey, void, undefined> {
  for (const id of state.usesByCertificate.keys()) {
    if (state.certificates.has(id)) yield { kind: 'certificate', id };
  }
  for (const id of state.apis.keys()) yield { kind: 'api', id };
  for (const id of state.plugins.keys()) yield { kind: 'plugin', id };
}

/** Names of the entries that differ between two states, given the events that lie between them. */
export function changedEntryKeys(
  events: readonly RecordedEvent[],
  before: GatewayState,
  after: GatewayState,
): SnapshotEntryKey[] {
  const keys = new Map<string, SnapshotEntryKey>();
  const touch = (key: SnapshotEntryKey) => {
    if (!isSame(key, before, after)) keys.set(`${key.kind} ${key.id}`, key);
  };
  const touchPlugin = (id: PluginId) => {
    touch({ kind: 'plugin', id });
    for (const state of [before, after]) {
      const plugin = state.plugins.get(id);
      if (plugin) touch({ kind: 'certificate', id: plugin.config.certificateId });
    }
  };
  for (const { event } of events) {
    switch (event.type) {
      case 'LogCreated':
      case 'NodeAdmitted':
      case 'NodeRevoked':
      case 'RevisionServed':
      case 'NothingChanged':
        break;
      case 'CertUploaded':
        touch({ kind: 'certificate', id: event.data.certificate.id });
        break;
      case 'KeyErased':
        touch({ kind: 'certificate', id: event.data.certificateId });
        break;
      case 'ApiAdded':
      case 'ApiUpdated':
        touch({ kind: 'api', id: event.data.api.id });
        break;
      case 'ApiDeleted': {
        touch({ kind: 'api', id: event.data.apiId });
        const pluginId = before.pluginIdByScope.get(event.data.apiId);
        if (pluginId !== undefined) touchPlugin(pluginId);
        break;
      }
      case 'PluginAdded':
      case 'PluginUpdated':
        // Also the certificate of a plugin that came and went between the two states: its use may
        // have ended another's.
        touch({ kind: 'certificate', id: event.data.plugin.config.certificateId });
        touchPlugin(event.data.plugin.id);
        break;
      case 'PluginDeleted':
        touchPlugin(event.data.pluginId);
        break;
      default:
        event satisfies never;
    }
  }
  return [...keys.values()];
}

/** Digest of all entries at a state. Costs a hash for each: once at start. */
export function digestAt(state: GatewayState): SnapshotDigest {
  let digest = emptyDigest;
  for (const key of entryKeysAt(state)) {
    const entry = entryAt(state, key);
    if (entry) digest = withEntry(digest, entryHash(entry));
  }
  return digest;
}

/** The digest at `after`, from that at `before` and the names of the entries that differ. */
export function digestAfter(
  digest: SnapshotDigest,
  keys: readonly SnapshotEntryKey[],
  before: GatewayState,
  after: GatewayState,
): SnapshotDigest {
  const hashAt = (state: GatewayState, key: SnapshotEntryKey): EntryHash | undefined => {
    const entry = entryAt(state, key);
    return entry && entryHash(entry);
  };
  return keys.reduce((sum, key) => {
    const old = hashAt(before, key);
    const now = hashAt(after, key);
    const without = old === undefined ? sum : withoutEntry(sum, old);
    return now === undefined ? without : withEntry(without, now);
  }, digest);
}

function isSame(key: SnapshotEntryKey, before: GatewayState, after: GatewayState): boolean {
  switch (key.kind) {
    case 'api':
      return before.apis.get(key.id) === after.apis.get(key.id);
    case 'plugin':
      return before.plugins.get(key.id) === after.plugins.get(key.id);
    case 'certificate':
      return isServed(before, key.id) === isServed(after, key.id);
  }
}

// A certificate never changes under its id: it is there or it is not.
function isServed(state: GatewayState, id: CertificateId): boolean {
  return state.certificates.has(id) && state.usesByCertificate.has(id);
}

/** The chain's CERTIFICATE blocks: an upload may carry text around them, which nodes have no use for. */
function chainOf({ chainPem }: Certificate): string {
  const blocks = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  return blocks === null ? chainPem : `${blocks.join('\n')}\n`;
}

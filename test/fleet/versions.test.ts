import { describe, expect, it, onTestFinished } from 'vitest';
import { NodeSession } from '../../control-plane/distribution/node-session.js';
import { initialState } from '../../control-plane/domain/state.js';
import { snapshotApplier } from '../../data-plane/snapshot/apply-snapshot.js';
import { runStream } from '../../data-plane/snapshot/stream.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import type { FrameSocket } from '../../shared/frame-socket.js';
import type { SnapshotEntry } from '../../shared/snapshot.js';
import { emptyDigest, entryHash, formatDigest, withEntry } from '../../shared/snapshot-digest.js';
import {
  type AckMessage,
  parseControlMessage,
  parseNodeMessage,
  protocolMinor,
} from '../../shared/snapshot-protocol.js';
import { OpensslBench } from '../support/openssl.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import {
  apiEntry,
  at,
  certificateEntry,
  logId,
  pluginEntry,
  recordingLogger,
} from './snapshot-fixtures.js';

const health = { workers: 1, workersWanted: 1, ready: true };
const unknown = { type: 'from-another-version', of: 'the protocol' };
const field = { fromAnotherVersion: ['of', 'the', 'protocol'] };

/** A connection on which the peer says `messages` and ends. */
function scripted(messages: readonly object[], sent: Buffer[] = []): FrameSocket {
  return {
    isOpen: true,
    async *frames() {
      for (const message of messages) yield Buffer.from(JSON.stringify(message));
    },
    send: async (frame) => void sent.push(frame.subarray(4)),
    sendIfIdle: () => {},
    end: () => {},
    destroy: () => {},
  };
}

describe.each([protocolMinor - 1, protocolMinor + 1])('a peer of minor version %i', (minor) => {
  it('feeds a node, whose digest counts what the node does not know', async () => {
    const dataDirectory = await temporaryDirectory();
    const store = openNodeStoreWriter({ dataDirectory }, recordingLogger());
    onTestFinished(() => store.close());
    const api = withField(apiEntry(1));
    const [certificate, plugin] = [certificateEntry(1), pluginEntry(1, 1, 1)];
    const removed = { removedApis: [], removedPlugins: [], removedCertificates: [] };
    const sent: Buffer[] = [];
    const connection = scripted(
      [
        { type: 'welcome', minor, version: '9', head: 5, keepAliveMs: 1000, ...field },
        unknown,
        { type: 'begin', logId, to: 5, ...field },
        {
          type: 'chunk',
          apis: [api.value],
          plugins: [],
          certificates: [certificate.value],
          ...removed,
        },
        unknown,
        {
          type: 'chunk',
          apis: [],
          plugins: [plugin.value],
          certificates: [],
          ...removed,
          ...field,
        },
        { type: 'end', ...field },
      ],
      sent,
    );
    const ignore = () => {};
    await runStream(
      {
        connection,
        applier: snapshotApplier(store, { applied: async () => [] }, recordingLogger()),
        welcomeTimeoutMs: 10_000,
        identity: { nodeId: 'n', caPem: '', certificatePem: freshCertificate(), keyPem: '' },
        ...{ addresses: [], dataDirectory, nodeName: 'n', version: '1', pluginsAvailable: [] },
        health: () => health,
        clock: Date.now,
        logger: recordingLogger(),
      },
      {
        ...{ welcomed: ignore, headIs: ignore, renewed: ignore },
        ...{ acknowledged: ignore, controls: ignore },
      },
    );
    const digest = [api, certificate, plugin]
      .map((entry) => entryHash(entry))
      .reduce(withEntry, emptyDigest);
    expect(sent.map((body) => parseNodeMessage(body))).toEqual([
      expect.objectContaining({ type: 'hello', minor: protocolMinor }),
      { type: 'ack', revision: 5, digest: formatDigest(digest), rejections: [] },
    ]);
  });

  it('is fed as a node, and its acknowledgements count', async () => {
    const digest = 'a'.repeat(64);
    const hello = { type: 'hello', minor, nodeName: 'n', version: '9', pluginsAvailable: ['ssl'] };
    const ack = { type: 'ack', revision: 5, digest, rejections: [] };
    const sent: Buffer[] = [];
    const acked: AckMessage[] = [];
    const logger = recordingLogger();
    const session = new NodeSession({
      ...{ nodeId: 'n', address: '127.0.0.1:1', version: '1', keepAliveMs: 1000, logger },
      connection: scripted([{ ...hello, health, ...field }, unknown, { ...ack, ...field }], sent),
      feed: {
        head: { logId, revision: at(5), state: initialState, digest },
        watch: () => () => {},
        digestAt: () => digest,
        neededFor: (of) => of,
      },
      encoder: { snapshotFrom: () => undefined },
      registry: {
        ...{ connected: () => {}, disconnected: () => {}, healthChanged: () => {} },
        acked: (_id, message) => void acked.push(message),
      },
      renewCertificate: async () => '',
    });
    await session.run();
    expect(sent.map((body) => parseControlMessage(body)?.type)).toEqual(['welcome']);
    expect(acked).toMatchObject([ack]);
    expect(logger.lines.map(({ message }) => message)).toEqual(['a node connected']);
  });
});

/** The entry as a later version has it. */
function withField({ kind, value }: SnapshotEntry): SnapshotEntry {
  return { kind, value: { ...value, ...field } } as SnapshotEntry; // a field more changes no kind
}

function freshCertificate(): string {
  const bench = new OpensslBench();
  try {
    return bench.certificate(bench.key('EC', 'ec_paramgen_curve:P-256'));
  } finally {
    bench.dispose();
  }
}

import { NodeSession } from '../../../control-plane/distribution/node-session.js';
import { initialState } from '../../../control-plane/domain/state.js';
import { snapshotApplier } from '../../../data-plane/snapshot/apply-snapshot.js';
import { runStream } from '../../../data-plane/snapshot/stream.js';
import { readFrames } from '../../../shared/frame-codec.js';
import type { FrameSocket } from '../../../shared/frame-socket.js';
import { revision } from '../../../shared/revision.js';
import {
  encodeMessage,
  parseControlMessage,
  parseNodeMessage,
} from '../../../shared/snapshot-protocol.js';
import { silentStore } from '../../fleet/silent-store.js';
import { certificateEntry, recordingLogger } from '../../fleet/snapshot-fixtures.js';
import { api, certificateId, plugin } from '../../support/gateway-fixtures.js';
import { hasCode } from '../../support/log-events.js';
import { OpensslBench } from '../../support/openssl.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { bytesOf, mutated } from '../mutations.js';

const health = { workers: 1, workersWanted: 1, ready: true };
const logId = '11111111-1111-4111-8111-111111111111';
const digest = 'a'.repeat(64);

const nodeSays = [
  {
    type: 'hello',
    minor: 0,
    nodeName: 'n',
    version: '1',
    pluginsAvailable: ['ssl'],
    health,
    logId,
    revision: 3,
  },
  { type: 'ack', revision: 3, digest, rejections: [] },
  {
    type: 'ack',
    revision: 4,
    digest,
    rejections: [{ certificateId: certificateId(1), hosts: ['a.test'], reason: 'r' }],
  },
  { type: 'resync', reason: 'digest' },
  { type: 'alive', health },
];

const chunk = {
  type: 'chunk',
  apis: [api(1)],
  plugins: [plugin(1, 1)],
  certificates: [certificateEntry(1).value],
  removedApis: [],
  removedPlugins: [],
  removedCertificates: [certificateId(2)],
};
const controlSays = [
  { type: 'welcome', minor: 0, version: '1', head: 5, keepAliveMs: 1000 },
  { type: 'begin', logId, from: 3, to: 5 },
  chunk,
  { type: 'end' },
  { type: 'begin', logId, to: 6 },
  { type: 'abort' },
  { type: 'alive', head: 6 },
];

const lines = (messages: readonly object[]) => messages.map((each) => JSON.stringify(each));
const tokens = [
  ...lines([...nodeSays, ...controlSays]).map((line) => `\n${line}\n`),
  '{"type":"',
  '[[[[[[[[[[',
  '"rejections":[{}]',
];

/** A peer that says one message for each line of the input, then goes. */
function scripted(input: Uint8Array): FrameSocket {
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen;
    },
    async *frames() {
      for (const line of Buffer.from(input).toString('latin1').split('\n')) {
        if (!isOpen) return;
        yield Buffer.from(line, 'latin1');
      }
    },
    send: async () => {},
    sendIfIdle: () => {},
    end: () => {
      isOpen = false;
    },
    destroy: () => {
      isOpen = false;
    },
  };
}

/** Bytes as they come, however they are cut: frames, or an announced refusal. */
async function takeFrames(input: Uint8Array): Promise<void> {
  const bytes = Buffer.from(input);
  const whole = await outcomeOf([bytes]);
  const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
  const split = await outcomeOf(pieces);
  if (whole !== split) throw new Error(`${whole} in one piece, ${split} in pieces`);
}

async function outcomeOf(pieces: readonly Buffer[]): Promise<string> {
  let seen = '';
  const source = (async function* () {
    yield* pieces;
  })();
  try {
    for await (const body of readFrames(source, 16 * 1024)) {
      seen += `${body.length} `;
      for (const parse of [parseNodeMessage, parseControlMessage]) parseAny(parse, body);
    }
    return seen;
  } catch (error) {
    if (!hasCode(error, 'SIGNET_NODE_PROTOCOL')) throw error;
    return `${seen}refused`;
  }
}

function parseAny(parse: (body: Buffer) => unknown, body: Buffer): void {
  try {
    parse(body);
  } catch (error) {
    if (!hasCode(error, 'SIGNET_NODE_PROTOCOL')) throw error;
  }
}

/** The control plane's side: never rejects, whatever an admitted node says. */
async function serveNode(input: Uint8Array): Promise<void> {
  const session = new NodeSession({
    nodeId: 'n',
    address: '127.0.0.1:1',
    connection: scripted(input),
    feed: {
      head: { logId, revision: revision(5), state: initialState, digest },
      watch: () => () => {},
      digestAt: () => digest,
      neededFor: (of) => of,
    },
    encoder: { snapshotFrom: () => undefined },
    registry: {
      connected: () => {},
      disconnected: () => {},
      healthChanged: () => {},
      acked: () => {},
    },
    version: '1',
    keepAliveMs: 1_000,
    renewCertificate: async () => '',
    logger: recordingLogger(),
  });
  await session.run();
}

/** The node's side: ends with an announced refusal, or because the peer went. */
async function followControlPlane(input: Uint8Array, certificatePem: string): Promise<void> {
  const options = {
    connection: scripted(input),
    applier: snapshotApplier(silentStore(), { applied: async () => [] }, recordingLogger()),
    addresses: [],
    dataDirectory: '/nonexistent',
    identity: { nodeId: 'n', caPem: '', certificatePem, keyPem: '' },
    nodeName: 'n',
    version: '1',
    pluginsAvailable: ['ssl'],
    health: () => health,
    clock: Date.now,
    logger: recordingLogger(),
  };
  const events = {
    welcomed: () => {},
    headIs: () => {},
    renewed: () => {},
    acknowledged: () => {},
    controls: () => {},
  };
  try {
    await runStream(options as never, events);
  } catch (error) {
    const isAnnounced =
      hasCode(error, 'SIGNET_NODE_PROTOCOL') ||
      (error instanceof Error && error.constructor.name === 'ConnectionClosedError');
    if (!isAnnounced) throw error;
  }
}

export const nodeProtocolTargets: readonly FuzzTarget[] = [
  {
    name: 'node-frames',
    share: 10,
    prepare: () => ({
      inputs: mutated(
        [nodeSays, controlSays].map((says) =>
          Buffer.concat(says.map((message) => encodeMessage(message as never))),
        ),
        { tokens, maxBytes: 16 * 1024 },
      ),
      run: takeFrames,
    }),
  },
  {
    name: 'node-session',
    share: 6,
    prepare: () => ({
      inputs: mutated(bytesOf(lines(nodeSays).join('\n')), { tokens }),
      run: serveNode,
    }),
  },
  {
    name: 'node-stream',
    share: 6,
    prepare: () => {
      const bench = new OpensslBench();
      const certificatePem = bench.certificate(bench.key('EC', 'ec_paramgen_curve:P-256'));
      bench.dispose();
      return {
        inputs: mutated(bytesOf(lines(controlSays).join('\n')), { tokens }),
        run: (input) => followControlPlane(input, certificatePem),
      };
    },
  },
];

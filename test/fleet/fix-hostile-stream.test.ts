import { describe, expect, it } from 'vitest';
import { snapshotApplier } from '../../data-plane/snapshot/apply-snapshot.js';
import { runStream, type StreamOptions } from '../../data-plane/snapshot/stream.js';
import { encodeFrame, readFrames } from '../../shared/frame-codec.js';
import { parseControlMessage } from '../../shared/snapshot-protocol.js';
import { OpensslBench } from '../support/openssl.js';
import { silentStore } from './silent-store.js';
import { logId, recordingLogger } from './snapshot-fixtures.js';

const health = { workers: 1, workersWanted: 1, ready: true };
const welcome = { type: 'welcome', minor: 0, version: '1', head: 5, keepAliveMs: 1000 };

/** What a node answers to a control plane that says `messages`. */
async function hear(messages: readonly object[]): Promise<string> {
  let answers = '';
  const bench = new OpensslBench();
  const certificatePem = bench.certificate(bench.key('EC', 'ec_paramgen_curve:P-256'));
  bench.dispose();
  const options = {
    connection: {
      isOpen: true,
      async *frames() {
        for (const message of messages) yield Buffer.from(JSON.stringify(message));
      },
      send: async (frame: Buffer) => {
        answers += frame.toString('latin1', 4);
      },
      sendIfIdle: () => {},
      destroy: () => {},
    },
    applier: snapshotApplier(silentStore(), { applied: async () => [] }, recordingLogger()),
    welcomeTimeoutMs: 10_000,
    identity: { nodeId: 'n', caPem: '', certificatePem, keyPem: '' },
    nodeName: 'n',
    version: '1',
    pluginsAvailable: [],
    health: () => health,
    clock: Date.now,
    logger: recordingLogger(),
  };
  const ignore = () => {};
  await runStream(options as unknown as StreamOptions, {
    welcomed: ignore,
    headIs: ignore,
    renewed: ignore,
    acknowledged: ignore,
    controls: ignore,
  });
  return answers;
}

/** Found while the node protocol was fuzzed. */
describe('a hostile peer on the node stream', () => {
  it('does not make a node wait for itself by a second welcome inside a transfer', async () => {
    const messages = [welcome, { type: 'begin', logId, from: 3, to: 5 }, welcome, { type: 'end' }];
    expect(await hear(messages)).toContain(
      '{"type":"resync","reason":"welcome for a second time"}',
    );
  });

  it('does not start a transfer before it has said welcome', async () => {
    const messages = [{ type: 'begin', logId, from: 3, to: 5 }];
    await expect(hear(messages)).rejects.toThrow('begin before welcome');
  });

  it('does not make a timer go off without end', () => {
    const body = Buffer.from(JSON.stringify({ ...welcome, keepAliveMs: 2 ** 31 }));
    expect(() => parseControlMessage(body)).toThrow('/keepAliveMs is not as agreed');
  });

  it('costs no more by sending single bytes', async () => {
    const frame = encodeFrame('x'.repeat(300_000));
    async function* singleBytes() {
      for (let at = 0; at < frame.length; at++) yield frame.subarray(at, at + 1);
    }
    const began = performance.now();
    for await (const body of readFrames(singleBytes(), 1024 * 1024)) {
      expect(body).toHaveLength(300_000);
    }
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

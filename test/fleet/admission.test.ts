import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  clusterCa,
  createCaPair,
  openClusterCa,
} from '../../control-plane/distribution/cluster-ca.js';
import { JoinRefusedError, joinCluster } from '../../data-plane/snapshot/join-cluster.js';
import {
  createCertificateRequest,
  type NodeIdentity,
  readIdentity,
  writeIdentity,
} from '../../data-plane/snapshot/node-identity.js';
import { frameSocket } from '../../shared/frame-socket.js';
import {
  controlPlaneName,
  encodeMessage,
  maxControlMessageBytes,
  parseControlMessage,
  protocolName,
} from '../../shared/snapshot-protocol.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { minuteMs, startControlPlane, startNode, type TestControlPlane } from './test-cluster.js';

const soon = { timeout: 5000, interval: 5 };

async function joinFresh(plane: TestControlPlane, given?: string): Promise<NodeIdentity> {
  const token = given ?? (await plane.token());
  const dataDirectory = await temporaryDirectory();
  return joinCluster({ dataDirectory, addresses: [plane.address], token, nodeName: 'joiner' });
}

const hello = encodeMessage({
  type: 'hello',
  minor: 0,
  nodeName: 'intruder',
  version: '0',
  pluginsAvailable: ['ssl'],
  health: { workers: 1, workersWanted: 1, ready: true },
});

/** Every message that a raw client gets after it has said hello, until the connection ends. */
async function answersTo(plane: TestControlPlane, options: ConnectionOptions): Promise<string[]> {
  const socket = connect({
    ...plane.address,
    ca: plane.ca.certificatePem,
    servername: controlPlaneName,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [protocolName],
    ...options,
  });
  const answers: string[] = [];
  const connection = frameSocket(socket);
  socket.once('secureConnect', () => void socket.write(hello));
  try {
    for await (const body of connection.frames(maxControlMessageBytes)) {
      answers.push(parseControlMessage(body)?.type ?? 'unknown');
      if (answers.includes('begin')) break;
    }
  } catch {
    answers.push('cut');
  } finally {
    connection.destroy();
  }
  return answers;
}

const shown = ({ certificatePem, keyPem }: NodeIdentity) => ({ cert: certificatePem, key: keyPem });

describe('joining', () => {
  it('gives the node a certificate of its own, kept for the owner alone', async () => {
    const plane = await startControlPlane();
    const dataDirectory = await temporaryDirectory();
    const options = { dataDirectory, addresses: [plane.address], nodeName: 'n' };
    const identity = await joinCluster({ ...options, token: await plane.token() });
    expect(await readIdentity(dataDirectory)).toEqual(identity);
    expect(statSync(join(dataDirectory, 'node-identity.json')).mode & 0o077).toBe(0);
    for (const file of readdirSync(dataDirectory)) {
      expect(readFileSync(join(dataDirectory, file)).includes('PRIVATE KEY')).toBe(false);
    }
    expect(plane.registry.nodes()).toMatchObject([{ id: identity.nodeId, name: 'n' }]);
    const unspent = await plane.token();
    expect(await joinCluster({ ...options, token: unspent })).toEqual(identity);
    await joinFresh(plane, unspent);
  });

  it('refuses a token that was used, has expired, or was made up', async () => {
    const plane = await startControlPlane();
    const token = await plane.token();
    await joinFresh(plane, token);
    await expect(joinFresh(plane, token)).rejects.toThrow(JoinRefusedError);
    const expired = await plane.token();
    plane.clock.offsetMs = 16 * minuteMs;
    await expect(joinFresh(plane, expired)).rejects.toThrow(JoinRefusedError);
    const madeUp = `signet-join-1.${plane.ca.fingerprint256}.${'A'.repeat(43)}`;
    await expect(joinFresh(plane, madeUp)).rejects.toThrow(JoinRefusedError);
    await expect(joinFresh(plane, 'nonsense')).rejects.toThrow(JoinRefusedError);
    expect(plane.registry.nodes()).toHaveLength(1);
  });

  it('lets one of two in that use the same token at the same time', async () => {
    const plane = await startControlPlane();
    const token = await plane.token();
    const outcomes = await Promise.allSettled([joinFresh(plane, token), joinFresh(plane, token)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('sends no token to a server of another cluster', async () => {
    const plane = await startControlPlane();
    const other = await startControlPlane();
    await expect(joinFresh(other, await plane.token())).rejects.toThrow(/not of the cluster/);
    expect(other.logger.lines.some(({ message }) => message.includes('not admitted'))).toBe(false);
  });

  it('stores tokens as hashes', async () => {
    const directory = await temporaryDirectory();
    const plane = await startControlPlane({ directory });
    const secret = (await plane.token()).split('.')[2] ?? '';
    await plane.close();
    expect(readFileSync(join(directory, 'cluster.sqlite')).includes(secret)).toBe(false);
    expect(statSync(join(directory, 'cluster-ca.key')).mode & 0o077).toBe(0);
  });
});

describe('the stream', () => {
  it('serves an admitted node', async () => {
    const plane = await startControlPlane();
    expect(await answersTo(plane, shown(await joinFresh(plane)))).toEqual(['welcome', 'begin']);
  });

  it('tells a peer without a certificate nothing', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    expect(await answersTo(plane, {})).toEqual(['refused']);
    expect(plane.vault.opened).toEqual([]);
  });

  it('tells nothing to a certificate of another CA, an expired one, or a control plane', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const { csrPem, keyPem } = await createCertificateRequest();
    const { nodeId } = await joinFresh(plane);
    const foreignCa = await clusterCa(await createCaPair(Date.now()));
    const foreign = await foreignCa.issueNodeCertificate(csrPem, nodeId, Date.now());
    expect(await answersTo(plane, { cert: foreign, key: keyPem })).toEqual(['refused']);
    const yearAgo = Date.now() - 365 * 24 * 60 * minuteMs;
    const expired = await plane.ca.issueNodeCertificate(csrPem, nodeId, yearAgo);
    expect(await answersTo(plane, { cert: expired, key: keyPem })).toEqual(['refused']);
    const server = await plane.ca.issueServerPair(Date.now());
    expect(await answersTo(plane, { cert: server.certificatePem, key: server.keyPem })).toEqual([
      'refused',
    ]);
    expect(plane.vault.opened).toEqual([]);
  });

  it('tells nothing to a node that is not a member, though its certificate is good', async () => {
    const plane = await startControlPlane();
    const { csrPem, keyPem } = await createCertificateRequest();
    const id = '00000000-0000-4000-8000-000000000000';
    const cert = await plane.ca.issueNodeCertificate(csrPem, id, Date.now());
    expect(await answersTo(plane, { cert, key: keyPem })).toEqual(['refused']);
  });

  it('does not speak TLS 1.2, nor any other protocol', async () => {
    const plane = await startControlPlane();
    const pair = shown(await joinFresh(plane));
    const older = { ...pair, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    expect(await answersTo(plane, older)).toEqual(['cut']);
    expect(await answersTo(plane, { ...pair, ALPNProtocols: ['signet-node/0'] })).toEqual(['cut']);
    const none = await answersTo(plane, { ...pair, ALPNProtocols: [] });
    expect(none).not.toContain('welcome');
  });

  it('cuts a revoked node off at once and does not let it back', async () => {
    const plane = await startControlPlane();
    plane.control.bindHost(1);
    const node = await startNode(plane);
    await expect.poll(() => node.store.revision, soon).toBe(plane.control.head);
    plane.control.record({ type: 'NodeRevoked', data: { nodeId: node.nodeId } });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(false);
    plane.vault.opened.length = 0;
    const { revision } = node.store;
    plane.control.bindHost(2);
    await expect
      .poll(
        () => plane.logger.lines.filter(({ message }) => message.includes('refused')).length,
        soon,
      )
      .toBeGreaterThan(1);
    expect(node.store.revision).toBe(revision);
    expect(plane.vault.opened).toEqual([]);
    expect(plane.registry.nodes()).toEqual([]);
  });

  it('admits and revokes alike at every control plane of the log', async () => {
    const first = await startControlPlane();
    const { ca, control, vault } = first;
    const second = await startControlPlane({ ca, control, vault });
    control.bindHost(1);
    const dataDirectory = await temporaryDirectory();
    const at = { dataDirectory, nodeName: 'n', token: await first.token() };
    const identity = await joinCluster({ ...at, addresses: [second.address, first.address] });
    const node = await startNode(second, { dataDirectory, identity });
    await node.link.whenCurrent();
    control.record({ type: 'NodeRevoked', data: { nodeId: node.nodeId } });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(false);
    expect(await answersTo(second, shown(identity))).toEqual(['refused']);
  });

  it('is not followed from a server that the cluster did not certify', async () => {
    const plane = await startControlPlane();
    const impostor = await startControlPlane();
    const node = await startNode(plane, { addresses: [impostor.address] });
    await expect
      .poll(
        () => node.logger.lines.filter(({ message }) => message.startsWith('no stream')).length,
        soon,
      )
      .toBeGreaterThan(2);
    expect(node.link.status.isConnected).toBe(false);
    expect(impostor.registry.nodes()).toEqual([]);
  });

  it('renews a node certificate before it runs out, and the old key is gone', async () => {
    const plane = await startControlPlane();
    const dataDirectory = await temporaryDirectory();
    const joined = await joinCluster({
      dataDirectory,
      addresses: [plane.address],
      token: await plane.token(),
      nodeName: 'n',
    });
    const { csrPem, keyPem } = await createCertificateRequest();
    const old = Date.now() - 40 * 24 * 60 * minuteMs;
    const certificatePem = await plane.ca.issueNodeCertificate(csrPem, joined.nodeId, old);
    const identity = { ...joined, certificatePem, keyPem };
    await writeIdentity(dataDirectory, identity);
    const node = await startNode(plane, { dataDirectory, identity });
    await expect
      .poll(async () => (await readIdentity(dataDirectory))?.certificatePem, soon)
      .not.toBe(certificatePem);
    const renewed = (await readIdentity(dataDirectory)) ?? expect.fail();
    expect([renewed.nodeId, renewed.keyPem === keyPem]).toEqual([joined.nodeId, false]);
    await node.close();
    expect(await answersTo(plane, shown(renewed))).toEqual(['welcome', 'begin']);
  });

  it('renews it on a stream that holds for months, and once where the clock jumped', async () => {
    const plane = await startControlPlane({ keepAliveMs: 50 });
    const dataDirectory = await temporaryDirectory();
    const clock = { offsetMs: 0 };
    const node = await startNode(plane, {
      dataDirectory,
      clock: () => Date.now() + clock.offsetMs,
    });
    await expect.poll(() => node.link.status.isConnected, soon).toBe(true);
    const before = (await readIdentity(dataDirectory))?.certificatePem;
    clock.offsetMs = 10 * 365 * 24 * 60 * minuteMs;
    const certificate = async () => (await readIdentity(dataDirectory))?.certificatePem;
    await expect.poll(certificate, soon).not.toBe(before);
    const renewed = await certificate();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await certificate(), node.link.status.isConnected]).toEqual([renewed, true]);
  });
});

describe('cluster CA', () => {
  it('is one, also if several control planes make it at once', async () => {
    const directory = await temporaryDirectory();
    const opened = await Promise.all(
      Array.from({ length: 8 }, () => openClusterCa(directory, Date.now())),
    );
    expect(new Set(opened.map((ca) => ca.fingerprint256)).size).toBe(1);
    const secrets = opened.map((ca) => Buffer.from(ca.secretFor('test')).toString('hex'));
    expect(new Set(secrets).size).toBe(1);
    expect(readdirSync(directory).sort()).toEqual(['cluster-ca.crt', 'cluster-ca.key']);
  });

  it('refuses a certificate that is not of its key', async () => {
    const directory = await temporaryDirectory();
    await openClusterCa(directory, Date.now());
    const { certificatePem } = await createCaPair(Date.now());
    writeFileSync(join(directory, 'cluster-ca.crt'), certificatePem);
    await expect(openClusterCa(directory, Date.now())).rejects.toThrow(/not the certificate of/);
  });

  it('is the same after a restart, and refuses a key that others may read', async () => {
    const directory = await temporaryDirectory();
    const first = await openClusterCa(directory, Date.now());
    expect((await openClusterCa(directory, Date.now())).fingerprint256).toBe(first.fingerprint256);
    chmodSync(join(directory, 'cluster-ca.key'), 0o640);
    await expect(openClusterCa(directory, Date.now())).rejects.toThrow(/chmod 600/);
  });
});

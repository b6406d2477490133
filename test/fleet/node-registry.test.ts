import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AckHistory } from '../../control-plane/distribution/ack-history.js';
import {
  ClusterMembers,
  openClusterDatabase,
} from '../../control-plane/distribution/cluster-members.js';
import { JoinTokens } from '../../control-plane/distribution/join-tokens.js';
import { lagOf, NodeRegistry } from '../../control-plane/distribution/node-registry.js';
import { type Revision, revision } from '../../shared/revision.js';
import type { HelloMessage } from '../../shared/snapshot-protocol.js';
import { nodeAdmitted, nodeId } from '../support/gateway-fixtures.js';
import { openGrants } from '../support/grants.js';
import { silentLogger } from '../support/silent-logger.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { TestControl } from './test-cluster.js';

const id = nodeId(1);

interface Parts {
  readonly registry: NodeRegistry;
  readonly control: TestControl;
}
type Step = (parts: Parts) => void;

/** The node connects here and holds a revision of this log, or nothing of it. */
const hello =
  (held: number | 'empty'): Step =>
  ({ registry }) => {
    const greeting: HelloMessage = {
      type: 'hello',
      minor: 1,
      nodeName: 'node-1',
      version: '1',
      pluginsAvailable: ['ssl'],
      health: { workers: 1, workersWanted: 1, ready: true },
    };
    registry.connected(id, '127.0.0.1:1', greeting, held === 'empty' ? held : revision(held));
  };
const gone: Step = ({ registry }) => registry.disconnected(id);
/** The node says here that it serves a revision. */
const ack =
  (n: number): Step =>
  ({ registry }) => {
    const digest = `digest ${n}`;
    registry.acked(id, { type: 'ack', revision: revision(n), digest, rejections: [] }, true);
  };
/** Another control plane has recorded that it does. */
const ackElsewhere =
  (n: number): Step =>
  ({ control }) =>
    control.record({
      type: 'RevisionServed',
      data: { revision: revision(n), nodeIds: [id], rejections: [] },
    });

const given = (...before: Step[]) => ({
  when: (...what: Step[]) => ({
    /** What the fleet is told of the node; `'nothing'` if it serves none that is known of. */
    async thenItServes(expected: number | 'nothing'): Promise<void> {
      const { registry, history, ...parts } = await startRegistry();
      for (const step of before) step({ registry, ...parts });
      const remembered = history.at(id, Date.now());
      for (const step of what) step({ registry, ...parts });
      const status = registry.node(id) ?? expect.fail('the node is not known');
      expect(status.revision ?? 'nothing').toBe(expected);
      expect(lagOf(status, 10)).toBe(expected === 'nothing' ? 11 : 10 - expected);
      const served = expected === 'nothing' ? -1 : expected;
      for (let at = 0; at <= 10; at += 1) {
        const serving = at <= served ? 1 : 0;
        expect(registry.tally(at as Revision)).toEqual({ serving, total: 1 });
      }
      if (status.digest !== undefined) expect(status.digest).toBe(`digest ${expected}`);
      // What it acknowledged at the time stays true of that time.
      if (remembered) expect(history.at(id, remembered.ackedAt)).toEqual(remembered);
    },
  }),
});

async function startRegistry() {
  const directory = await temporaryDirectory();
  const control = new TestControl();
  control.record(nodeAdmitted(1));
  const members = new ClusterMembers({
    tokens: new JoinTokens(await openGrants(directory)),
    state: () => control.state,
    execute: () => Promise.reject(new Error('nobody joins here')),
  });
  const database = openClusterDatabase(join(directory, 'cluster.sqlite'));
  onTestFinished(() => database.close());
  // Each step at a time of its own, as acknowledgements are looked up by it.
  let now = Date.now() - 60_000;
  const clock = () => {
    now += 1;
    return now;
  };
  const history = new AckHistory(database, {
    retentionMs: 600_000,
    clock: Date.now,
    logger: silentLogger,
  });
  onTestFinished(() => history.close());
  const parts = { members, history, pluginsAvailable: ['ssl'], clock, logger: silentLogger };
  return { registry: new NodeRegistry(parts), control, history };
}

describe('node registry: what a node is said to serve', () => {
  it('is what it acknowledged, also while it is away', async () => {
    await given(hello('empty')).when(ack(7)).thenItServes(7);
    await given(hello('empty'), ack(7)).when(gone).thenItServes(7);
  });

  it('is what it acknowledged before, if it comes back with that or more', async () => {
    await given(hello('empty'), ack(7), gone).when(hello(7)).thenItServes(7);
    await given(hello('empty'), ack(7), gone).when(hello(9)).thenItServes(7);
  });

  it('is nothing once it comes back with less, until it acknowledges again', async () => {
    await given(hello('empty'), ack(7), gone).when(hello(5)).thenItServes('nothing');
    await given(hello('empty'), ack(7), gone).when(hello('empty')).thenItServes('nothing');
    await given(hello('empty'), ack(7), gone)
      .when(hello('empty'), gone, hello(3), ack(5))
      .thenItServes(5);
    await given(hello('empty'), ack(7), gone).when(hello(5), ack(8)).thenItServes(8);
  });

  it('is what another control plane recorded, unless it came here with less since', async () => {
    await given(hello(4), ack(4), gone).when(ackElsewhere(7)).thenItServes(7);
    await given(ackElsewhere(7)).when(hello(7)).thenItServes(7);
    await given(ackElsewhere(7)).when(hello('empty')).thenItServes('nothing');
    await given(ackElsewhere(7)).when(hello(5), ack(5)).thenItServes(5);
    await given(ackElsewhere(7)).when(hello(5), ack(5), gone, ackElsewhere(6)).thenItServes(6);
  });
});

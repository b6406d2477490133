import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type * as ConnectionModule from '../../control-plane/adapters/eventstore/event-store-connection.js';
import type * as VaultModule from '../../control-plane/adapters/eventstore/eventstore-key-vault.js';
import {
  describeKeyVaultContract,
  listed,
  newKeyId,
  newRing,
  type OpenVault,
} from '../contracts/key-vault.js';
import { built } from '../support/built.js';
import { EventStoreDouble } from '../support/eventstore-double.js';

const { EventStoreConnection } = await built<typeof ConnectionModule>(
  'control-plane/adapters/eventstore/event-store-connection.js',
);
const { EventStoreKeyVault } = await built<typeof VaultModule>(
  'control-plane/adapters/eventstore/eventstore-key-vault.js',
);

let double: EventStoreDouble;
beforeAll(async () => {
  double = await EventStoreDouble.start();
});
afterAll(() => double.stop());

function freshVault(connectionString = double.connectionString): OpenVault {
  const streamPrefix = `signet-test-key-${randomUUID()}`;
  const connection = new EventStoreConnection({ connectionString, callTimeoutMs: 500 });
  onTestFinished(() => connection.close());
  return (masterKeys) => {
    const vault = new EventStoreKeyVault({ connection, masterKeys, streamPrefix });
    onTestFinished(() => vault.close());
    return vault;
  };
}

describeKeyVaultContract('the EventStoreDB key vault, on the double,', async () => freshVault());

const realServer = process.env['SIGNET_TEST_EVENTSTORE'];
if (realServer !== undefined) {
  describeKeyVaultContract('the EventStoreDB key vault, on a real server,', async () =>
    freshVault(realServer),
  );
}

it('the EventStoreDB key vault stores a key once when answers are lost and servers die', async () => {
  const vault = freshVault()(newRing());
  let calls = 0;
  double.faults = {
    append() {
      calls += 1;
      if (calls % 3 === 0) return undefined;
      return calls % 3 === 1
        ? { kind: 'status', code: status.UNAVAILABLE, written: true }
        : { kind: 'kill', written: calls % 2 === 0 };
    },
  };
  onTestFinished(() => {
    double.faults = {};
  });
  const ids = Array.from({ length: 5 }, newKeyId);
  for (const id of ids) await vault.put(id, `key of ${id}`);
  for (const id of ids) expect(await vault.open(id)).toBe(`key of ${id}`);
  expect((await listed(vault)).sort()).toEqual(ids.sort());
});

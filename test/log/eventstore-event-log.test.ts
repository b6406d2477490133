import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it, onTestFinished } from 'vitest';
import type * as ConnectionModule from '../../control-plane/adapters/eventstore/event-store-connection.js';
import type * as LogModule from '../../control-plane/adapters/eventstore/eventstore-event-log.js';
import { describeEventLogContract } from '../contracts/event-log.js';
import type { Boundary } from '../contracts/event-log-harness.js';
import { built } from '../support/built.js';
import { EventStoreDouble } from '../support/eventstore-double.js';

const { EventStoreConnection } = await built<typeof ConnectionModule>(
  'control-plane/adapters/eventstore/event-store-connection.js',
);
const { EventStoreEventLog } = await built<typeof LogModule>(
  'control-plane/adapters/eventstore/eventstore-event-log.js',
);

/** Opens instances, each with a client of its own, on one fresh stream. */
function openStream(connectionString: string, callTimeoutMs: number) {
  const stream = `signet-test-${randomUUID()}`;
  return () => {
    const connection = new EventStoreConnection({ connectionString, callTimeoutMs });
    const log = new EventStoreEventLog({ connection, stream, livenessCheckMs: 200 });
    onTestFinished(async () => {
      await log.close();
      await connection.close();
    });
    return log;
  };
}

let double: EventStoreDouble;
beforeAll(async () => {
  double = await EventStoreDouble.start();
});
afterAll(() => double.stop());

describeEventLogContract('the EventStoreDB event log, on the double,', async () => {
  double.faults = {};
  const open = openStream(double.connectionString, 1000);
  return {
    log: open(),
    another: async () => open(),
    faults: {
      loseNextAnswer() {
        double.faults.append = once({ kind: 'silence', written: true } as const);
      },
      cutSubscription(at: Boundary) {
        double.faults.subscribe = once({ at, how: 'kill' } as const);
      },
    },
  };
});

const realServer = process.env['SIGNET_TEST_EVENTSTORE'];
if (realServer === undefined) {
  describe('the EventStoreDB event log, on a real server,', () => {
    it('is tested where SIGNET_TEST_EVENTSTORE=esdb://… names one', ({ skip }) =>
      skip('SIGNET_TEST_EVENTSTORE is not set'));
  });
} else {
  describeEventLogContract('the EventStoreDB event log, on a real server,', async () => {
    const open = openStream(realServer, 3000);
    return { log: open(), another: async () => open() };
  });
}

function once<Fault>(fault: Fault): () => Fault | undefined {
  let isSpent = false;
  return () => {
    if (isSpent) return undefined;
    isSpent = true;
    return fault;
  };
}

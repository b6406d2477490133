import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { describeEventLogContract } from '../contracts/event-log.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describeEventLogContract('the SQLite event log', async () => {
  const path = join(await temporaryDirectory(), 'events.db');
  const open = () => {
    const log = new SqliteEventLog({ path, foreignWritesPollMs: 10 });
    onTestFinished(() => log.close());
    return log;
  };
  return { log: open(), another: async () => open() };
});

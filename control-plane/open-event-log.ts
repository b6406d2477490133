import { existsSync } from 'node:fs';
import { makeDirectory } from '../shared/make-directory.js';
import { EventStoreConnection } from './adapters/eventstore/event-store-connection.js';
import { EventStoreEventLog } from './adapters/eventstore/eventstore-event-log.js';
import { SqliteEventLog } from './adapters/sqlite-event-log.js';
import { dataFiles } from './data-files.js';
import type { EventLog } from './ports/event-log.js';
import { LogUnavailableError } from './ports/event-log-errors.js';

export interface OpenedEventLog {
  readonly log: EventLog;
  /** For people: which log it is. No credentials. */
  readonly name: string;
  close(): Promise<void>;
}

/**
 * The event log that a configuration names, without the rest of a control plane, which may be running
 * on the same log.
 * @throws LogUnavailableError if an embedded log that must exist does not.
 */
export function openEventLog(
  config: { readonly dataDir: string; readonly eventLog?: string | undefined },
  options: { readonly mustExist: boolean },
): OpenedEventLog {
  if (config.eventLog !== undefined) {
    const connection = new EventStoreConnection({ connectionString: config.eventLog });
    const log = new EventStoreEventLog({ connection });
    const close = async () => {
      await log.close();
      await connection.close();
    };
    return { log, name: 'the EventStoreDB log', close };
  }
  const path = dataFiles(config.dataDir).eventLog;
  if (options.mustExist && !existsSync(path)) {
    throw new LogUnavailableError(`there is no event log at ${path}; is data_dir right?`);
  }
  makeDirectory(config.dataDir);
  const log = new SqliteEventLog({ path });
  return { log, name: path, close: () => log.close() };
}

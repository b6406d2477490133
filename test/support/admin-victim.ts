import { join } from 'node:path';
import { loadMasterKeys } from '../../control-plane/adapters/master-key.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import { createAdminServer } from '../../control-plane/admin-api/server.js';
import { CommandHandler } from '../../control-plane/application/command-handler.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { sweepOrphanKeys } from '../../control-plane/application/orphan-sweep.js';
import { PastStates } from '../../control-plane/application/past-states.js';
import { adminDefaults } from './admin-defaults.js';
import { silentLogger as logger } from './silent-logger.js';

/** An admin server over the stores of a directory, to be killed: prints its port, then serves. */
const directory = process.argv[2] ?? '.';
const masterKeys = await loadMasterKeys({ kind: 'file', path: join(directory, 'master.key') });
const log = new SqliteEventLog({ path: join(directory, 'events.db') });
const vault = new SqliteKeyVault({ path: join(directory, 'vault.db'), masterKeys });
const folded = new FoldedLog(log, logger);
await folded.catchUp();
await sweepOrphanKeys({ folded, vault, logger, graceMs: 0 });
const clock = Date.now;
const pastStates = new PastStates(log, folded);
const server = await createAdminServer({
  ...adminDefaults,
  ...{ folded, log, clock, logger },
  handler: new CommandHandler({ folded, log, vault, clock, logger }),
  stateAt: (revision) => pastStates.at(revision),
});
const { port } = await server.listen();
process.stdout.write(`${port}\n`);
// Nobody is left to kill it.
process.stdin.on('end', () => process.exit()).resume();

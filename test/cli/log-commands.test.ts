import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../cli/program.js';
import { loadCheckpointKey } from '../../control-plane/adapters/checkpoint-key.js';
import { FileCheckpointStore } from '../../control-plane/adapters/file-checkpoint-store.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { dataFiles } from '../../control-plane/data-files.js';
import { signCheckpoint } from '../../control-plane/events/checkpoint.js';
import { revision } from '../../shared/revision.js';
import { openSqlite } from '../../shared/sqlite.js';
import { api, apiAdded } from '../support/gateway-fixtures.js';
import { appendAll, encodeHistory } from '../support/histories.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const noRoles = {
  startControlPlane: () => Promise.reject(new Error('unused')),
  startDataPlane: () => Promise.reject(new Error('unused')),
};

async function type(...argv: string[]) {
  const written = { out: '', error: '' };
  process.exitCode = 0;
  const code = await run(argv, noRoles, {
    out: (text) => {
      written.out += text;
    },
    error: (text) => {
      written.error += text;
    },
  });
  process.exitCode = 0;
  return { code, ...written };
}

/** A data directory with a log of `count` events. */
async function someDataDir(count: number) {
  const dataDir = await temporaryDirectory();
  const logId = randomUUID();
  const history = encodeHistory([
    { event: { type: 'LogCreated', data: { logId } } },
    ...Array.from({ length: count - 1 }, (_, n) => ({ event: apiAdded(api(n)) })),
  ]);
  const log = new SqliteEventLog({ path: dataFiles(dataDir).eventLog });
  await appendAll(log, history.toAppend);
  await log.close();
  return { dataDir, logId, head: history.head };
}

describe('signet log', () => {
  it('verifies a log and tells where it ends', async () => {
    const { dataDir, logId, head } = await someDataDir(30);
    const { code, out } = await type('log', 'verify', '--data-dir', dataDir);
    expect(code).toBe(0);
    expect(out).toContain('intact up to revision 29');
    expect(out).toContain(head.hash);
    expect(out).toContain('No checkpoint was at hand');
    const { out: json } = await type('log', 'verify', '--json', '--data-dir', dataDir);
    expect(JSON.parse(json)).toMatchObject({ status: 'intact', logId, head });
  });

  it('fails and names the revision of an altered log', async () => {
    const { dataDir } = await someDataDir(30);
    const database = openSqlite({ path: dataFiles(dataDir).eventLog });
    database.exec("UPDATE events SET type = 'ApiUpdated' WHERE revision = 17");
    database.close();
    const { code, out } = await type('log', 'verify', '--data-dir', dataDir);
    expect({ code, out }).toEqual({
      code: 1,
      out: 'ALTERED at revision 17: its bytes do not match its hash\n',
    });
  });

  it('compares with the checkpoints of the data directory', async () => {
    const { dataDir, logId, head } = await someDataDir(30);
    const files = dataFiles(dataDir);
    const privateKey = await loadCheckpointKey(files.checkpointKey);
    const statement = {
      logId,
      revision: revision(29),
      hash: head.hash,
      time: '2026-01-02T00:00:00.000Z',
    };
    await new FileCheckpointStore(files.checkpoints).append(signCheckpoint(privateKey, statement));
    expect((await type('log', 'verify', '--data-dir', dataDir)).out).toContain(
      '1 signed checkpoints',
    );
    const database = openSqlite({ path: files.eventLog });
    database.exec('DELETE FROM events WHERE revision > 20');
    database.close();
    expect((await type('log', 'verify', '--data-dir', dataDir)).out).toMatch(
      /^ALTERED at revision 21/,
    );
  });

  it('exports to a file for its owner alone, verifies that file, and imports it', async () => {
    const { dataDir, head } = await someDataDir(300);
    const file = join(dataDir, 'log.jsonl');
    expect((await type('log', 'export', file, '--data-dir', dataDir)).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const printed = await type('log', 'export', '--data-dir', dataDir);
    expect(printed.out).toBe(await readFile(file, 'utf8'));
    expect((await type('log', 'verify', file, '--data-dir', dataDir)).out).toContain(head.hash);
    const target = await temporaryDirectory();
    const { code, out } = await type('log', 'import', file, '--data-dir', target);
    expect(code).toBe(0);
    expect(out).toContain(`ends at revision 299, hash ${head.hash}`);
    expect((await type('log', 'verify', '--data-dir', target)).out).toContain(head.hash);
  });

  it('makes no log where there is none', async () => {
    const dataDir = await temporaryDirectory();
    const { code, error } = await type('log', 'verify', '--data-dir', dataDir);
    expect(code).toBe(1);
    expect(error).toContain('there is no event log');
  });
});

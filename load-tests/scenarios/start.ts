import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FileStateSnapshotStore } from '../../control-plane/adapters/file-state-snapshot.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { SnapshotKeeper } from '../../control-plane/application/state-snapshots.js';
import { dataFiles } from '../../control-plane/data-files.js';
import { SnapshotFeed } from '../../control-plane/distribution/snapshot-feed.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import { silentLogger } from '../../test/support/silent-logger.js';
import { appendEncoded, encode, fillLog, logCreated } from '../many-uploads.js';
import { bar, machine, printTable, quantile } from '../support.js';

/**
 * From opening the log to a folded state and the feed of it, out of a snapshot, in a process of its own.
 * Of the rest of a start only the look through the vault for keys that nobody names depends on the number
 * of certificates.
 */
const barMs = 2000;
const { values } = parseArgs({
  options: {
    certificates: { type: 'string', default: '100000' },
    starts: { type: 'string', default: '5' },
  },
});

const dataDir = await mkdtemp(join(tmpdir(), 'signet-load-'));
try {
  const saveMs = await prepare(Number(values.certificates));
  const starts: Start[] = [];
  for (let n = 0; n < Number(values.starts); n++) starts.push(await startOnce());
  const median = quantile(
    starts.map(({ ms }) => ms),
    0.5,
  );
  printTable('Start from a snapshot', {
    machine: machine(),
    certificates: values.certificates,
    'snapshot MB': ((await stat(dataFiles(dataDir).stateSnapshot)).size / 1e6).toFixed(0),
    'saving it, ms': saveMs.toFixed(0),
    'starts, ms': starts.map(({ ms }) => ms.toFixed(0)).join(' '),
    'of CPU, ms': starts.map(({ cpuMs }) => cpuMs.toFixed(0)).join(' '),
    'heap MB': starts.at(-1)?.heapMb.toFixed(0) ?? '',
    median: bar(median <= barMs, `bar: ≤ ${barMs} ms`),
  });
} finally {
  await rm(dataDir, { recursive: true, force: true });
}

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
  readonly heapMb: number;
}

async function prepare(certificates: number): Promise<number> {
  const files = dataFiles(dataDir);
  const log = new SqliteEventLog({ path: files.eventLog });
  const created = encode(chainStart, [logCreated()]);
  await appendEncoded(log, chainStart, created);
  await fillLog(log, certificates, created.head);
  const folded = new FoldedLog(log, silentLogger);
  await folded.catchUp();
  const feed = new SnapshotFeed({ control: folded });
  const snapshots = new FileStateSnapshotStore(files.stateSnapshot);
  const startedAt = performance.now();
  const digest = () => feed.head?.digest;
  await new SnapshotKeeper({ folded, snapshots, logger: silentLogger, digest }).save();
  const saveMs = performance.now() - startedAt;
  await log.close();
  return saveMs;
}

async function startOnce(): Promise<Start> {
  const probe = join(import.meta.dirname, '../start-probe.js');
  const child = spawn(process.execPath, [probe, dataDir, values.certificates], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the start ended with ${code}`);
  return JSON.parse(output);
}

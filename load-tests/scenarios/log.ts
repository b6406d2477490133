import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import { verifyLog } from '../../control-plane/events/verify.js';
import { revision } from '../../shared/revision.js';
import { silentLogger } from '../../test/support/silent-logger.js';
import { appendEncoded, encode, fillLog, logCreated, newHost } from '../many-uploads.js';
import { bar, machine, printTable, quantile } from '../support.js';

/** The embedded event log: durable appends, a full replay, the verification of a long log. */
const appendBarMs = 2;
const replayBarMs = 1000;
const verifyBarMs = 10_000;
const { values } = parseArgs({
  options: {
    appends: { type: 'string', default: '1000' },
    uploads: { type: 'string', default: '10000' },
    events: { type: 'string', default: '1000000' },
  },
});

const directory = await mkdtemp(join(tmpdir(), 'signet-load-'));
try {
  await measureAppends(Number(values.appends));
  await measureReplay(Number(values.uploads));
  await measureVerify(Number(values.events));
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function measureAppends(count: number): Promise<void> {
  const log = new SqliteEventLog({ path: join(directory, 'appends.sqlite') });
  let head = chainStart;
  const appendMs: number[] = [];
  for (let n = 0; n <= count; n++) {
    const encoded = encode(head, n === 0 ? [logCreated()] : newHost(n));
    const startedAt = performance.now();
    await appendEncoded(log, head, encoded);
    if (n > 0) appendMs.push(performance.now() - startedAt);
    head = encoded.head;
  }
  await log.close();
  const median = quantile(appendMs, 0.5);
  printTable('Durable append of one upload (3 events, 3 KB)', {
    machine: machine(),
    appends: count,
    'median ms': median.toFixed(2),
    'p99 ms': quantile(appendMs, 0.99).toFixed(2),
    median: bar(median <= appendBarMs, `bar: ≤ ${appendBarMs} ms`),
  });
}

async function measureReplay(uploads: number): Promise<void> {
  const log = new SqliteEventLog({ path: join(directory, 'replay.sqlite') });
  const created = encode(chainStart, [logCreated()]);
  await appendEncoded(log, chainStart, created);
  const head = await fillLog(log, uploads, created.head);
  const folded = new FoldedLog(log, silentLogger);
  const usageBefore = process.cpuUsage();
  const startedAt = performance.now();
  await folded.catchUp();
  const replayMs = performance.now() - startedAt;
  const cpuMs = cpuSince(usageBefore);
  if (folded.chain.hash !== head.hash) throw new Error('the replay ended somewhere else');
  await log.close();
  printTable('Full replay: read, checked against the hash chain, parsed, folded', {
    uploads,
    events: Number(head.revision) + 1,
    ms: replayMs.toFixed(0),
    'of CPU, ms': cpuMs.toFixed(0),
    'all of it': bar(replayMs <= replayBarMs, `bar: ≤ ${replayBarMs} ms for 10,000 uploads`),
  });
}

async function measureVerify(events: number): Promise<void> {
  const path = join(directory, 'verify.sqlite');
  const log = new SqliteEventLog({ path });
  const created = encode(chainStart, [logCreated()]);
  await appendEncoded(log, chainStart, created);
  const head = await fillLog(log, Math.ceil((events - 1) / 3), created.head);
  const usageBefore = process.cpuUsage();
  const startedAt = performance.now();
  const verification = await verifyLog({ events: log.read(revision(0)) });
  const verifyMs = performance.now() - startedAt;
  const cpuMs = cpuSince(usageBefore);
  await log.close();
  if (verification.status !== 'intact') throw new Error(`not intact: ${verification.reason}`);
  const count = Number(head.revision) + 1;
  printTable('Verification of every byte against the hash chain', {
    events: count,
    'file MB': ((await stat(path)).size / 1e6).toFixed(0),
    ms: verifyMs.toFixed(0),
    'of CPU, ms': cpuMs.toFixed(0),
    'events/s': Math.round((count / verifyMs) * 1000),
    'all of it': bar(verifyMs <= verifyBarMs, `bar: ≤ ${verifyBarMs} ms for 1,000,000 events`),
  });
}

function cpuSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

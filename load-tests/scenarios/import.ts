import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { builtFile } from '../../test/support/built-file.js';
import { haproxyFile } from '../../test/support/certificate-folders.js';
import { runCommand } from '../../test/support/run-command.js';
import { ScratchDirectory } from '../../test/support/scratch-directory.js';
import { shownLeaf } from '../../test/support/shown-leaf.js';
import { TestCa } from '../../test/support/test-ca.js';
import { LoopbackFleet } from '../fleet.js';
import { bar, machine, printTable } from '../support.js';

/** `signet import` of thousands of pairs: until all are durable, and then seen in handshakes. */
const { values } = parseArgs({ options: { count: { type: 'string', default: '10000' } } });
const count = Number(values.count);
const barSeconds = 15 * (count / 10_000);

const directory = new ScratchDirectory();
const fleet = new LoopbackFleet();
try {
  const uploaded = await makePairs(directory.path('pairs'));
  await fleet.start(1, ['--workers', '1']);
  const startedAt = performance.now();
  const { code, stdout, stderr } = await runCommand(
    process.execPath,
    [
      ...[builtFile('cli/main.js'), 'import', directory.path('pairs'), '--json'],
      ...['--upstream', 'http://127.0.0.1:9', '--admin', fleet.gateway.adminUrl],
    ],
    { timeoutMs: 600_000 },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(`the import ended with ${code}: ${stderr}${stdout}`);
  await whenServed();
  const servedSeconds = (performance.now() - startedAt) / 1000;

  let wrong = 0;
  for (const [host, fingerprint] of uploaded) {
    if ((await shownLeaf(fleet.gateway.tlsPort, host)) !== fingerprint) wrong++;
  }
  printTable(`Import of ${count} certificates`, {
    machine: machine(),
    'durable after, s': seconds.toFixed(1),
    'proved to be served after, s': servedSeconds.toFixed(1),
    'certificates/s': Math.round(count / seconds),
    'not served': wrong,
    'all served': bar(wrong === 0, 'bar: 0 missing'),
    duration: bar(seconds <= barSeconds, `bar: ≤ ${barSeconds} s`),
  });
} finally {
  await fleet.close();
  await directory.remove();
}

/** An import ends when it is durable; the node proves to serve the last of it a moment later. */
async function whenServed(): Promise<void> {
  for (;;) {
    const { body } = await fleet.admin.send('GET', '/nodes');
    // As the admin API answers it.
    const { data } = body as { readonly data: readonly { readonly lag?: number }[] };
    if (data.every(({ lag }) => lag === 0)) return;
    await delay(10);
  }
}

async function makePairs(root: string): Promise<Map<string, string>> {
  const ca = await TestCa.create();
  const fingerprints = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const host = `import-${index}.test`;
    const certificate = await ca.issue([host]);
    await haproxyFile(root, host, certificate);
    fingerprints.set(host, certificate.fingerprint256);
  }
  return fingerprints;
}

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { AdminClient } from '../support/admin-client.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { seededRandom } from '../support/random.js';
import { fullRun, testSeed } from '../support/run-scope.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { type IssuedCertificate, TestCa } from '../support/test-ca.js';

const uploads = 100;
/** Every upload is cut once in the full run; in `npm test` the kills are spread over the uploads. */
const kills = fullRun ? uploads : 6;
/** How many uploads must have been acknowledged: in the full run a kill comes before every other answer. */
const leastAcknowledged = fullRun ? uploads / 10 : uploads / 2;

interface Upload {
  readonly name: string;
  readonly host: string;
  readonly certificate: IssuedCertificate;
  acknowledged: boolean;
}

describe('kill -9 of the all-in-one', () => {
  const directory = new ScratchDirectory();
  const seed = testSeed();
  const random = seededRandom(seed);
  let gateway: GatewayProcess | undefined;

  afterAll(async () => {
    await gateway?.kill();
    await directory.remove();
  });

  const startGateway = () =>
    GatewayProcess.start({ dataDir: directory.path('data'), flags: ['--workers', '1'] });

  it(`loses no acknowledged upload and leaves none half (seed ${seed})`, {
    timeout: fullRun ? 1_800_000 : 240_000,
  }, async () => {
    const ca = await TestCa.create();
    const done: Upload[] = [];
    gateway = await startGateway();
    const beganAt = performance.now();
    await perform(gateway, await planUpload(ca, 2 * uploads));
    // Twice as long as an upload takes here, so that a kill may also come after the answer.
    const longestDelayMs = 2 * (performance.now() - beganAt);
    for (let round = 0; round < kills; round++) {
      const share = Math.ceil(uploads / kills);
      const batch = await Promise.all(
        Array.from({ length: share }, (_, index) => planUpload(ca, round * share + index)),
      );
      const cut = Math.floor(random() * share);
      for (const upload of batch.slice(0, cut)) await perform(gateway, upload);
      // This one is under way, or just answered, when the process dies.
      const last = batch[cut];
      const interrupted = last && perform(gateway, last).catch(isBrokenConnection);
      await delay(random() * longestDelayMs);
      await gateway.kill();
      await interrupted;

      gateway = await startGateway();
      for (const upload of batch.slice(cut + 1)) await perform(gateway, upload);
      done.push(...batch);
      for (const upload of batch) await expectWhole(gateway, upload);
    }
    for (const upload of done) await expectWhole(gateway, upload);
    expect(done.filter((upload) => upload.acknowledged).length).toBeGreaterThan(leastAcknowledged);
  });
});

async function planUpload(ca: TestCa, index: number): Promise<Upload> {
  const host = `kill-${index}.test`;
  return { name: `kill-${index}`, host, certificate: await ca.issue([host]), acknowledged: false };
}

async function perform(gateway: GatewayProcess, upload: Upload): Promise<void> {
  const admin = new AdminClient(gateway.adminUrl);
  await admin.addApi(upload.name, upload.host, 'http://127.0.0.1:9');
  const { status } = await admin.bind(upload.name, upload.certificate, 'applied');
  expect(status).toBe(201);
  upload.acknowledged = true;
}

/** The process died under the request; anything else is a fault of its own. */
function isBrokenConnection(error: unknown): void {
  if (!(error instanceof TypeError && error.cause instanceof Error)) throw error;
}

/** Acknowledged: it is there and served. Not acknowledged: it is whole, or it is not there at all. */
async function expectWhole(gateway: GatewayProcess, upload: Upload): Promise<void> {
  const admin = new AdminClient(gateway.adminUrl);
  const { status, body } = await admin.send('GET', `/apis/${upload.name}/plugins`);
  const isBound =
    status === 200 &&
    typeof body === 'object' &&
    body !== null &&
    'total' in body &&
    body.total === 1;
  const expected = { host: upload.host, isBound: upload.acknowledged || isBound };
  expect({ host: upload.host, isBound }).toEqual(expected);
  // What was recorded but not yet served when the process died reaches the node after the restart.
  await eventually(async () => {
    const leaf = await shownLeaf(gateway.tlsPort, upload.host);
    expect({ host: upload.host, isServed: leaf === upload.certificate.fingerprint256 }).toEqual({
      host: upload.host,
      isServed: isBound,
    });
  });
}

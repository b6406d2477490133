import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AdminClient, idOf } from '../support/admin-client.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { Hammer } from '../support/hammer.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { TestCa } from '../support/test-ca.js';

const rotations = 500;
const host = 'rotating.test';

describe('rotation under load', () => {
  const directory = new ScratchDirectory();
  let upstream: EchoUpstream;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    upstream = await EchoUpstream.start();
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '2'],
    });
  });
  afterAll(async () => {
    await gateway.kill();
    await upstream.close();
    await directory.remove();
  });

  it('loses no request and no handshake, and shows no older certificate once acknowledged', {
    timeout: 480_000,
  }, async () => {
    const admin = new AdminClient(gateway.adminUrl);
    const ca = await TestCa.create();
    const order = new Map<string, number>();
    const issue = async (index: number) => {
      const certificate = await ca.issue([host]);
      order.set(certificate.fingerprint256, index);
      return certificate;
    };

    await admin.addApi('rotating', host, upstream.url);
    const bound = await admin.bind('rotating', await issue(0), 'applied');
    const pluginId = idOf(bound);

    /** When the answer to rotation `n` arrived: whatever begins later shows `n` or newer. */
    const acknowledged: number[] = [performance.now()];
    const wrong: string[] = [];
    const hammer = new Hammer({
      port: gateway.tlsPort,
      host,
      keepAlive: 8,
      reconnecting: 8,
      onHandshake: (fingerprint, startedAt) => {
        const shown = order.get(fingerprint);
        const due = acknowledged.findLastIndex((at) => at <= startedAt);
        if (shown === undefined) wrong.push('not a certificate of this host');
        else if (shown < due) wrong.push(`shown rotation ${shown}, acknowledged was ${due}`);
      },
    });
    let next = await issue(1);
    for (let index = 1; index <= rotations; index++) {
      const answer = await admin.rebind('rotating', pluginId, next, 'applied');
      acknowledged.push(performance.now());
      expect(answer.status).toBe(200);
      next = await issue(index + 1);
    }
    const report = await hammer.stop();
    expect(report.failures).toEqual([]);
    expect(wrong).toEqual([]);
    expect(report.handshakes).toBeGreaterThan(rotations / 2);
    expect(report.requests).toBeGreaterThan(report.handshakes);
  });
});

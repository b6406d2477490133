import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.js';
import { isRunning } from '../support/is-running.js';
import { fullRun } from '../support/run-scope.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { bar } from './support/bars.js';
import { leafOf, open, request } from './support/client.js';
import { Load, Rotation } from './support/load.js';
import { mint } from './support/mint.js';
import { processSize } from './support/process-size.js';
import { TestNode, type TestNodeOptions } from './support/test-node.js';

const host = 'a.test';

describe('processes and workers', () => {
  const nodeOptions = process.env['NODE_OPTIONS'] ?? '';
  beforeEach(() => {
    const faults = pathToFileURL(resolve('dist/test/tls/support/faults.js')).href;
    process.env['NODE_OPTIONS'] = `${nodeOptions} --import ${faults}`;
  });
  afterEach(() => {
    process.env['NODE_OPTIONS'] = nodeOptions;
  });

  it('start again within a second after kill -9', async () => {
    const { node, certificate } = await served();
    for (let n = 0; n < 3; n += 1) {
      const [pid = 0] = node.supervisor.pids;
      process.kill(pid, 'SIGKILL');
      // About 250 ms on an idle machine; others may be at work on a test machine's two cores.
      await eventually(
        async () => {
          expect(node.supervisor.pids).not.toContain(pid);
          expect(await leafOf(node.httpsPort, host)).toBe(certificate.fingerprint256);
        },
        { withinMs: bar(1_000, 8_000) },
      );
    }
    expect(node.supervisor.restarts).toBe(3);
  });

  it('fail alone: with two processes only the connections of the killed one are lost', async () => {
    const { node, rotation } = await served({ processes: 2, settings: { workers: 1 } });
    const backAfterMs: number[] = [];
    const faults: number[] = [];
    for (let n = 0; n < bar(20, 3); n += 1) {
      const [pid = 0] = node.supervisor.pids;
      const load = new Load(node.httpsPort, rotation).reconnecting(4).keepAlive(4);
      await eventually(() => expect(load.requests).toBeGreaterThan(50), { withinMs: 20_000 });
      process.kill(pid, 'SIGKILL');
      const killedAt = performance.now();
      await eventually(
        async () => {
          expect(node.supervisor.pids).not.toContain(pid);
          expect((await node.supervisor.stats()).workers).toBe(2);
        },
        { withinMs: 8_000 },
      );
      backAfterMs.push(Math.round(performance.now() - killedAt));
      const during = load.requests;
      await eventually(() => expect(load.requests).toBeGreaterThan(during + 50), {
        withinMs: 20_000,
      });
      await load.stop();
      // At most what was open on it: eight clients, each with one connection at a time.
      expect(load.faults.length).toBeLessThanOrEqual(8);
      for (const fault of load.faults)
        expect(fault).toMatch(/closed|disconnected|ECONNRESET|EPIPE/);
      faults.push(load.faults.length);
    }
    if (fullRun) console.info({ backAfterMs, faults });
  }, 600_000);

  it.each([
    ['is stopped', 1, 'SIGSTOP'],
    ['spins in a worker', 2, 'SIGPWR'],
  ] as const)(
    'are replaced when one %s, and hide nothing of the others',
    async (_what, workers, signal) => {
      const { node, certificate } = await served({
        processes: 2,
        silenceTimeoutMs: 8_000,
        settings: { workers },
      });
      const wanted = 2 * workers;
      await eventually(
        async () => {
          expect((await node.supervisor.stats()).workers).toBe(wanted);
        },
        { withinMs: 8_000 },
      );
      const [pid = 0, other] = node.supervisor.pids;
      process.kill(pid, signal);
      onTestFinished(() => {
        if (node.supervisor.pids.includes(pid)) process.kill(pid, 'SIGKILL');
      });
      await eventually(
        async () => {
          const askedAt = performance.now();
          expect((await node.supervisor.stats()).workers).toBe(workers);
          expect(performance.now() - askedAt).toBeLessThan(2_000);
          expect(node.supervisor.pids).toContain(pid);
        },
        { withinMs: 7_800 },
      );
      await eventually(
        async () => {
          expect(node.supervisor.pids).not.toContain(pid);
          expect((await node.supervisor.stats()).workers).toBe(wanted);
        },
        { withinMs: 20_000 },
      );
      expect(node.supervisor.pids).toContain(other);
      expect(node.supervisor.restarts).toBe(1);
      for (let n = 0; n < 8; n += 1) {
        expect(await leafOf(node.httpsPort, host)).toBe(certificate.fingerprint256);
      }
    },
    60_000,
  );

  it('refuse a port that is taken, and say so', async () => {
    for (const processes of [1, 2]) {
      const { node } = await served({ processes });
      const second = await TestNode.create({ httpPort: node.httpPort });
      await expect(second.listen()).rejects.toThrow(
        `can't listen on 127.0.0.1:${node.httpPort}: another process listens there`,
      );
    }
  });

  it('end in order: requests under way are answered, no connection is cut', async () => {
    const { node } = await served();
    const sockets = await Promise.all(
      Array.from({ length: 8 }, () => open({ port: node.httpsPort, serverName: host })),
    );
    for (const socket of sockets) expect((await request(socket, host)).closes).toBe(false);
    const slow = sockets.map((socket) => request(socket, host, 'X-Wait-Ms: 400\r\n'));
    await eventually(
      async () => {
        expect((await node.supervisor.stats()).requestsActive).toBe(8);
      },
      { withinMs: 2_000 },
    );
    const stopped = node.stop();
    for (const answer of await Promise.all(slow)) expect(answer.status).toBe(200);
    await stopped;
    await expect(open({ port: node.httpsPort, serverName: host })).rejects.toThrow('ECONNREFUSED');
  });

  it('end under load without a reset', async () => {
    const { node, rotation } = await served();
    const load = new Load(node.httpsPort, rotation).reconnecting(4).keepAlive(4);
    await eventually(() => expect(load.requests).toBeGreaterThan(50), { withinMs: 20_000 });
    const stopped = node.supervisor.stop();
    await eventually(() => expect(load.faults.length).toBeGreaterThan(0), { withinMs: 20_000 });
    await load.stop();
    await stopped;
    expect([...new Set(load.faults.map((fault) => fault.replace(/\d+\.\d.*/, '')))]).toEqual([
      'Error: connect ECONNREFUSED ',
    ]);
  });

  it('are gone when their supervisor is killed, with what they had in the temporary directory', async () => {
    const dataDirectory = await temporaryDirectory();
    const TMPDIR = await temporaryDirectory();
    const parent = fork(resolve('dist/test/tls/support/supervisor-process.js'), [dataDirectory], {
      env: { ...process.env, TMPDIR },
    });
    const [{ pids }] = (await once(parent, 'message')) as [{ pids: number[] }];
    expect(pids).toHaveLength(1);
    expect(readdirSync(TMPDIR)).toHaveLength(1);
    parent.kill('SIGKILL');
    await eventually(
      () => {
        for (const pid of pids) expect(isRunning(pid)).toBe(false);
      },
      { withinMs: 2_000 },
    );
    expect(readdirSync(TMPDIR)).toEqual([]);
  });

  it('outlive a pause of the whole machine', async () => {
    const dataDirectory = await temporaryDirectory();
    const parent = fork(resolve('dist/test/tls/support/supervisor-process.js'), [dataDirectory]);
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [{ pids }] = (await once(parent, 'message')) as [{ pids: number[] }];
    const [pid = 0] = pids;
    process.kill(pid, 'SIGSTOP');
    await delay(300); // a question waits
    parent.kill('SIGSTOP');
    await delay(3_000);
    process.kill(pid, 'SIGCONT');
    parent.kill('SIGCONT');
    await delay(1_500);
    expect(isRunning(pid)).toBe(true);
  });

  it('leave nothing behind for long, killed at once with their supervisor', async () => {
    const dataDirectory = await temporaryDirectory();
    const TMPDIR = await temporaryDirectory();
    const startSupervisor = async () => {
      const file = resolve('dist/test/tls/support/supervisor-process.js');
      const parent = fork(file, [dataDirectory], { env: { ...process.env, TMPDIR } });
      const [{ pids }] = (await once(parent, 'message')) as [{ pids: number[] }];
      return { parent, pids };
    };
    const { parent, pids } = await startSupervisor();
    parent.kill('SIGSTOP'); // it must not see the other one go
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const left = readdirSync(TMPDIR);
    expect(left).toHaveLength(1);
    const next = await startSupervisor();
    expect(readdirSync(TMPDIR)).toHaveLength(1);
    expect(readdirSync(TMPDIR)).not.toEqual(left);
    next.parent.kill('SIGKILL');
    await eventually(() => expect(readdirSync(TMPDIR)).toEqual([]), { withinMs: 2_000 });
  });

  it.each([
    ['a defect in it', 'SIGUSR2'],
    ['a call of process.exit in it', 'SIGWINCH'],
  ] as const)('replace a worker after %s, without losing a connection', async (_what, signal) => {
    const { node, rotation } = await served();
    const load = new Load(node.httpsPort, rotation).reconnecting(4).keepAlive(4);
    await eventually(() => expect(load.requests).toBeGreaterThan(50), { withinMs: 20_000 });
    const [pid = 0] = node.supervisor.pids;
    process.kill(pid, signal);
    await eventually(
      async () => {
        expect((await node.supervisor.stats()).workerRestarts).toBe(1);
      },
      { withinMs: 20_000 },
    );
    const soFar = load.requests;
    await eventually(() => expect(load.requests).toBeGreaterThan(soFar + 100), {
      withinMs: 20_000,
    });
    await load.stop();
    expect(load.faults).toEqual([]);
    expect(node.supervisor.pids).toEqual([pid]);
  });

  it('put a thread in the place of the only worker, which is the main thread, after a defect', async () => {
    const { node, rotation } = await served({ settings: { workers: 1 } });
    const load = new Load(node.httpsPort, rotation).reconnecting(4).keepAlive(4);
    await eventually(() => expect(load.requests).toBeGreaterThan(50), { withinMs: 20_000 });
    const [pid = 0] = node.supervisor.pids;
    const threads = () => readdirSync(`/proc/${pid}/task`).length;
    const before = threads();
    for (const restarts of [1, 2]) {
      process.kill(pid, 'SIGUSR2');
      await eventually(
        async () => {
          expect(await node.supervisor.stats()).toMatchObject({
            workerRestarts: restarts,
            workers: 1,
          });
        },
        { withinMs: 20_000 },
      );
      expect(threads()).toBeGreaterThan(before);
      const soFar = load.requests;
      await eventually(() => expect(load.requests).toBeGreaterThan(soFar + 100), {
        withinMs: 20_000,
      });
    }
    await load.stop();
    expect(load.faults).toEqual([]);
    expect(node.supervisor.pids).toEqual([pid]);
  });

  it('replace all workers again and again without losing a connection', async () => {
    const { node, rotation } = await served();
    const [pid = 0] = node.supervisor.pids;
    const load = new Load(node.httpsPort, rotation).reconnecting(4).keepAlive(4);
    const sizes = [];
    for (let n = 1; n <= bar(500, 6); n += 1) {
      await node.supervisor.restartWorkers();
      if (n % 50 === 0) sizes.push(processSize(pid));
    }
    await load.stop();
    expect(load.faults).toEqual([]);
    expect(node.supervisor.pids).toEqual([pid]);
    if (!fullRun) return;
    console.info(`${load.handshakes} handshakes, ${load.requests} requests`, sizes);
    const [first, last] = [sizes[1], sizes.at(-1)];
    // What each thread leaves behind in the allocator levels off within the first hundreds.
    expect(last?.residentMb).toBeLessThan(1.25 * (first?.residentMb ?? 0));
    expect(last?.files).toBeLessThan((first?.files ?? 0) + 30); // as many as clients have open
  }, 3_600_000);
});

async function served(options: TestNodeOptions = {}) {
  const node = await TestNode.start(options);
  const certificate = await mint(host);
  const rotation = new Rotation(host);
  rotation.issued(certificate);
  await node.bind(1, host, certificate);
  rotation.acknowledged(certificate);
  return { node, certificate, rotation };
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTlsApp } from '../../data-plane/listener/engine.js';
import { KeyFile } from '../../data-plane/listener/key-file.js';
import { probeFingerprint } from '../../data-plane/listener/probe.js';
import type { IssuedCertificate } from '../../test/support/test-ca.js';

const probes = 300;
/** As between two uploads: a thread that never sleeps finds everything in its caches. */
const pauseMs = 5;

/**
 * CPU milliseconds of what no proof can do without: its handshake, both sides of it, with an app that has
 * its certificate already, in a process that does nothing else.
 */
export async function proofCpuMs({ cert, key }: IssuedCertificate): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'signet-load-'));
  const keyFile = new KeyFile();
  const app = keyFile.expose(`${cert}\n${key}\n`, (pemPath) =>
    createTlsApp({ pemPath }, 'DEFAULT'),
  );
  const socketPath = join(directory, 'probe');
  try {
    app.any('/*', (res) => void res.end());
    app.listen_unix((listening) => {
      if (!listening) throw new Error(`can't listen on ${socketPath}`);
    }, socketPath);
    await probeFingerprint(socketPath, 'warm.test');
    const before = process.cpuUsage();
    for (let probe = 0; probe < probes; probe++) {
      await probeFingerprint(socketPath, 'proof.test');
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / probes;
  } finally {
    app.close();
    keyFile.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

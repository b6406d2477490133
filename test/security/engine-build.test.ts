import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkEngineBuild } from '../../data-plane/engine-build.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('the TLS engine', () => {
  it('is the build that is on record', async () => {
    const { path, sha256 } = await checkEngineBuild(undefined);
    expect(sha256).toBe(createHash('sha256').update(readFileSync(path)).digest('hex'));
    // What the loader really maps, seen by the system.
    await import('uWebSockets.js');
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(path);
  });

  it('is refused if it is another, with what to do', async () => {
    const { sha256 } = await checkEngineBuild(undefined);
    await expect(checkEngineBuild('0'.repeat(64))).rejects.toThrow(`engine_sha256: ${sha256}`);
    expect((await checkEngineBuild(sha256.toUpperCase())).sha256).toBe(sha256);
  });

  it('keeps a node from starting if it is another', async () => {
    const start = GatewayProcess.start({
      dataDir: await temporaryDirectory(),
      flags: ['--engine-sha256', '0'.repeat(64)],
    });
    await expect(start).rejects.toThrow('the TLS engine');
  });
});

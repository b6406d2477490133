import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { nodeCommand } from '../../cli/commands/node.js';
import { addNodeRoutes } from '../../control-plane/admin-api/routes/nodes.js';
import { readIdentity } from '../../data-plane/snapshot/node-identity.js';
import { startAdmin } from '../support/admin-server.js';
import { openStores, startControlPlane } from '../support/control-plane.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { feedFrom } from './test-cluster.js';

/** Runs `signet node …` and answers what it printed. */
async function signetNode(...words: string[]): Promise<string> {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const io = { out: say, error: say };
  await nodeCommand(io).parseAsync(words, { from: 'user' });
  return said.join('');
}

describe('signet node', () => {
  it('joins with a token, once, and a revoked node is gone from the list', async () => {
    const writer = await startControlPlane(await openStores());
    const plane = await feedFrom(writer);
    const admin = await startAdmin({
      ...writer,
      extensions: [
        (server, context) =>
          addNodeRoutes(server, context, {
            ...plane,
            issueJoinToken: (at) => plane.members.issueToken(plane.ca.fingerprint256, at),
          }),
      ],
    });
    const token = (await signetNode('token', '--admin', admin.url)).trim();
    const tokenFile = `${await temporaryDirectory()}/token`;
    await writeFile(tokenFile, token, { mode: 0o600 });
    const dataDirectory = await temporaryDirectory();
    const join = ['join', '--data-dir', dataDirectory, '--join-token-path', tokenFile];
    const flags = ['--control-planes', `127.0.0.1:${plane.server.port}`, '--node-name', 'edge'];
    const joined = await signetNode(...join, ...flags);
    const nodeId = (await readIdentity(dataDirectory))?.nodeId ?? expect.fail('no identity');
    expect(joined).toBe(`joined as ${nodeId}\n`);
    expect(await signetNode('list', '--admin', admin.url)).toContain('edge');
    // Spent, it may be thrown away: the node has no use for it any more.
    await rm(tokenFile);
    const tokenFlags = ['--join-token-path', tokenFile, '--workers', '1'];
    const node = await GatewayProcess.start({
      command: 'data-plane',
      dataDir: dataDirectory,
      flags: [...flags, ...tokenFlags],
    });
    expect(await node.stop()).toBe(0);
    expect(await signetNode('revoke', 'edge', '--admin', admin.url)).toBe('edge is revoked\n');
    expect(await signetNode('list', '--admin', admin.url)).not.toContain('edge');
  });
});

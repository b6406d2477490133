import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtFile } from '../support/built-file.js';
import { freePorts } from '../support/free-port.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { runCommand } from '../support/run-command.js';
import { ScratchDirectory } from '../support/scratch-directory.js';

/** The README's walkthrough is typed by this test as it stands, but for the ports. */
describe("the README's walkthrough", () => {
  const directory = new ScratchDirectory();
  let gateway: GatewayProcess;

  beforeAll(async () => {
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '1'],
    });
  });
  afterAll(async () => {
    await gateway.kill();
    await directory.remove();
  });

  it('works as printed, to the second node and back', { timeout: 150_000 }, async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const [, section = ''] = /\n## Walkthrough\n([\s\S]*?)\n## /.exec(readme) ?? [];
    const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) => block);
    expect(blocks.length).toBe(6);

    const [upstream = 0, http = 0, https = 0] = await freePorts(3);
    const ports = new Map([
      ['8001', Number(new URL(gateway.adminUrl).port)],
      ['8443', gateway.tlsPort],
      ['8000', gateway.httpPort],
      ['3000', upstream],
      ['9000', http],
      ['9443', https],
    ]);
    const typed = blocks.map((block) =>
      block
        .replaceAll(/\b(8001|8443|8000|3000|9000|9443)\b/g, (port) => String(ports.get(port)))
        .replaceAll(
          'npm run --silent signet --',
          `"${process.execPath}" "${builtFile('cli/main.js')}"`,
        )
        .trim(),
    );
    const { code, stdout, stderr } = await runCommand('bash', ['-c', script(typed)], {
      cwd: directory.path('typed'),
      timeoutMs: 140_000,
      env: {
        ...process.env,
        SIGNET_ADMIN_URL: gateway.adminUrl,
        SIGNET_CONTROL_PLANES: `127.0.0.1:${gateway.nodePort}`,
      },
    });
    expect(code, stderr).toBe(0);
    const [, added, bound, shown, , second, back] = stdout.split(/^== block \d+\n/m);
    expect(added).toContain('"request_host":"demo.test"');
    expect(bound).toContain('"only_https":true');
    expect(shown).toContain('hello from demo.test');
    expect(shown).toContain('426');
    expect(shown?.match(/subject=.*demo\.test$/gm)).toHaveLength(1);
    expect(shown?.match(/subject=/g)).toHaveLength(2);
    expect(second).toContain('hello from demo.test');
    expect(second).toMatch(/second +connected/);
    expect(back).toContain('1 replaced');
    expect(back).toMatch(/nothing was done yet.*rolled back to revision \d+.*hello from demo/s);
  });
});

/** All blocks in one shell, as in one terminal; what a reader would leave running runs beside it. */
function script(blocks: readonly string[]): string {
  const lines = ['set -e', "trap 'kill $(jobs -p)' EXIT"];
  for (const [index, block] of blocks.entries()) {
    lines.push(`printf '\\n== block ${index}\\n'`);
    if (!block.includes('data-plane')) {
      lines.push(block);
      const [, port] = /listen\((\d+)/.exec(block) ?? [];
      if (port !== undefined) lines.push(waitFor(`(: </dev/tcp/127.0.0.1/${port}) 2>/dev/null`));
      continue;
    }
    // A reader waits until the node says that it is up.
    lines.push(`${block} >second-node.out &`);
    lines.push(waitFor('grep -q "is up" second-node.out'));
  }
  return lines.join('\n');
}

function waitFor(condition: string): string {
  return `for i in $(seq 300); do ${condition} && break; sleep 0.1; done`;
}

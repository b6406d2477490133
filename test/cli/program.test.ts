import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createProgram, run, withDescendants } from '../../cli/program.js';
import type { Roles } from '../../cli/roles.js';
import { settings } from '../../shared/config-schema.js';

const noRoles: Roles = {
  startControlPlane: () => Promise.reject(new Error('listen EADDRINUSE: 127.0.0.1:8001')),
  startDataPlane: () => Promise.reject(new Error('no control plane answers')),
};

async function type(...argv: string[]) {
  let out = '';
  let error = '';
  const code = await run(argv, noRoles, {
    out: (text) => {
      out += text;
    },
    error: (text) => {
      error += text;
    },
  });
  return { code, out, error };
}

describe('the command line', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-cli-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('suggests the nearest command and flag', async () => {
    expect(await type('strat')).toMatchObject({
      code: 2,
      error: expect.stringContaining('Did you mean start?'),
    });
    expect(await type('start', '--proxy-lisen', '1:1')).toMatchObject({
      code: 2,
      error: expect.stringContaining('Did you mean --proxy-listen?'),
    });
  });

  it('prints JSON on request, whatever the command', () => {
    const program = createProgram(noRoles);
    const leaves = withDescendants(program).filter(({ commands }) => commands.length === 0);
    const without = leaves.filter(({ options }) => !options.some(({ long }) => long === '--json'));
    expect(leaves.length).toBeGreaterThan(20);
    // What completes a command line is a script.
    expect(without.map((command) => command.name())).toEqual(['completion']);
  });

  it('suggests the nearest word at every level, and names all choices', async () => {
    for (const [line, meant] of [
      [['cert', 'chek'], 'check'],
      [['token', 'creat'], 'create'],
      [['cert', 'list', '--expirin', '1d'], '--expiring'],
      [['import', '.', '--formt', 'kong'], '--format'],
    ] as const) {
      expect((await type(...line)).error).toContain(`Did you mean ${meant}?`);
    }
    const choice = await type('import', '.', '--format', 'kng');
    expect(choice.error).toMatch(/Allowed choices are .*kong/);
  });

  it('names every mistake of the configuration and starts nothing', async () => {
    const file = join(directory, 'signet.yml');
    writeFileSync(file, 'worker: 2\nprocesses: none\n');
    const { code, error } = await type('start', '--config', file);
    expect(code).toBe(2);
    expect(error).toContain("'worker' is no setting, did you mean 'workers'?");
    expect(error).toContain('processes: is "none", must be integer');
  });

  it('tells where a configuration file stops being YAML, and refuses aliases', async () => {
    const file = join(directory, 'signet.yml');
    for (const [text, told] of [
      ['workers: [1\n', ':2:1 is not YAML: this is not indented'],
      ['workers: 1\njoin_token: "c2VjcmV0\n', ':3:1 is not YAML: a quote, bracket'],
      ['workers: 1\nworkers: 2\n', ':2:1 is not YAML: this name stands there already'],
      ['\tworkers: 1\n', ':1:1 is not YAML: a tab'],
      ['data_dir: C: x\n', ':1:11 is not YAML: a second colon'],
      ['workers 1\nprocesses: 1\n', ':1:1 is not YAML: a colon is missing'],
    ] as const) {
      writeFileSync(file, text);
      const { code, error } = await type('config', '--config', file);
      expect(code).toBe(2);
      expect(error).toContain(`${file}${told}`);
      expect(error).not.toContain('c2VjcmV0');
    }
    writeFileSync(file, 'a: &a [x]\ntrusted_ips: [*a, *a]\n');
    expect(await type('config', '--config', file)).toMatchObject({ code: 2 });
    expect(await type('config', '--config', join(directory, 'absent.yml'))).toMatchObject({
      code: 2,
      error: expect.stringContaining('there is no '),
    });
  });

  it('says of a file what is the matter with it, and where to read on', async () => {
    expect((await type('cert', 'check', join(directory, 'x.pem'))).error).toBe(
      `signet: there is no ${join(directory, 'x.pem')}\n`,
    );
    expect((await type('cert', 'lst')).error).toContain('(signet cert --help tells more)');
  });

  it('prints what the sources add up to', async () => {
    const file = join(directory, 'signet.yml');
    writeFileSync(file, 'processes: 2\nssl_cert_path:\n');
    const { code, out } = await type('config', '--json', '--config', file, '--workers', '3');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ processes: 2, workers: 3, log_level: 'info' });
  });

  it('has a flag for each setting but the secret ones', async () => {
    const { code, out } = await type('start', '--help');
    expect(code).toBe(0);
    for (const { name, secret } of settings) {
      expect(out.includes(`--${name.replaceAll('_', '-')} `)).toBe(!secret);
    }
  });

  it('says what failed, and exits with 1, when a part does not start', async () => {
    const config = ['--config', '/dev/null', '--log-level', 'silent'];
    expect(await type('control-plane', ...config)).toMatchObject({
      code: 1,
      error: expect.stringContaining('127.0.0.1:8001'),
    });
  });
});

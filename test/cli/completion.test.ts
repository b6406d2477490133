import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandTable } from '../../cli/completion/command-table.js';
import { completionScript, shells } from '../../cli/completion/scripts.js';
import { createProgram, withDescendants } from '../../cli/program.js';
import { completedByZsh, offeredByFish } from '../support/completing-shells.js';
import { isInstalled } from '../support/is-installed.js';
import { runCommand } from '../support/run-command.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const program = createProgram({
  startControlPlane: () => Promise.reject(new Error('not here')),
  startDataPlane: () => Promise.reject(new Error('not here')),
});
const table = commandTable(program);

/** What bash offers for the last of the words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const script = `${completionScript('bash', table)}
    COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _signet; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await runCommand('bash', ['-c', script, 'bash', ...words]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it('offers commands, flags and values where bash asks for them', async () => {
    expect(await offered('signet', 'ce')).toEqual(['cert']);
    expect(await offered('signet', 'cert', '')).toEqual(
      expect.arrayContaining(['check', 'list', 'self-signed']),
    );
    expect(await offered('signet', 'cert', 'list', '--exp')).toEqual(['--expiring']);
    expect(await offered('signet', 'import', '--format', 'n')).toEqual(['nginx']);
    expect(await offered('signet', 'start', '--log-level', 'w')).toEqual(['warn']);
    expect(await offered('signet', 'completion', 'z')).toEqual(['zsh']);
    expect(await offered('signet', 'api', 'https', 'demo', '--redirect', '42')).toEqual(['426']);
    expect(
      await offered('signet', 'api', 'add', 'http://u.test', '--upstream-ca', '/etc/host'),
    ).toContain('/etc/hosts');
    expect(await offered('signet', 'cert', 'list', '--token-file', '/etc/host')).toContain(
      '/etc/hosts',
    );
  });

  it.skipIf(!isInstalled('zsh'))('completes in an interactive zsh (needs zsh)', async () => {
    const completed = {
      'signet ce': 'signet cert ',
      'signet cert li': 'signet cert list ',
      'signet cert list --exp': 'signet cert list --expiring ',
      'signet import --format n': 'signet import --format nginx ',
      'signet start --log-level w': 'signet start --log-level warn ',
      'signet completion z': 'signet completion zsh ',
      'signet cert list --token-file /etc/hostn': 'signet cert list --token-file /etc/hostname ',
    };
    const script = completionScript('zsh', table);
    expect(
      await completedByZsh(await temporaryDirectory(), script, Object.keys(completed)),
    ).toEqual(Object.values(completed));
  });

  it.skipIf(!isInstalled('fish'))('is offered by fish (needs fish)', async () => {
    const file = join(await temporaryDirectory(), 'signet.fish');
    await writeFile(file, completionScript('fish', table));
    const offered = (line: string) => offeredByFish(file, line);
    expect(await offered('signet ce')).toEqual(['cert']);
    expect(await offered('signet cert ')).toEqual(['check', 'list', 'self-signed']);
    expect(await offered('signet cert list --exp')).toEqual(['--expiring']);
    expect(await offered('signet import --format n')).toEqual(['nginx']);
    expect(await offered('signet start --log-level w')).toEqual(['warn']);
    expect(await offered('signet cert list --token-file /etc/hostn')).toEqual(['/etc/hostname']);
  });

  it.each(shells)('has every command and flag for %s', (shell) => {
    const script = completionScript(shell, table);
    for (const command of withDescendants(program)) {
      expect(script).toContain(command.name());
      for (const { long, hidden } of command.options) {
        const word = shell === 'fish' ? `-l ${long?.slice(2)}` : `${long}`;
        if (!hidden) expect(script).toContain(word);
        else expect(script).not.toContain(word);
      }
    }
  });
});

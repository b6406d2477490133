import { describe, expect, it } from 'vitest';
import { eventLine } from '../../cli/event-text.js';
import { run } from '../../cli/program.js';
import { startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';

const { a, b } = makePairs();

const noRoles = {
  startControlPlane: () => Promise.reject(new Error('unused')),
  startDataPlane: () => Promise.reject(new Error('unused')),
};

/** Types a command; `onOut` sees what it prints while it runs. */
async function type(argv: readonly string[], onOut: (out: string) => void = () => {}) {
  let out = '';
  let error = '';
  process.exitCode = 0;
  const code = await run(argv, noRoles, {
    out: (text) => {
      out += text;
      onOut(out);
    },
    error: (text) => {
      error += text;
    },
  });
  process.exitCode = 0;
  return { code, out, error };
}

/** An API `x` for a.test, rotated from one certificate to another: revisions 0 to 4. */
async function startStory() {
  const admin = await startAdmin();
  const api = { name: 'x', request_host: 'a.test', upstream_url: 'http://u.test' };
  await admin.send('POST', '/apis', api);
  const ssl = { name: 'ssl', config: { cert: a.cert, key: a.key } };
  const plugin = await admin.send('POST', '/apis/x/plugins', ssl);
  const config = { cert: b.cert, key: b.key };
  await admin.send('PATCH', `/plugins/${plugin.json['id']}`, { config });
  return { admin, flags: ['--admin', admin.url] };
}

describe('signet events', () => {
  it('shows the last events, or those that match', async () => {
    const { flags } = await startStory();
    const all = await type(['events', ...flags]);
    expect(all.out.split('\n').map((line) => line.split('  ')[2])).toEqual([
      ...['ApiAdded', 'CertUploaded', 'PluginAdded', 'CertUploaded', 'PluginUpdated', undefined],
    ]);
    expect(all.out).toContain('x a.test http://u.test');
    const last = await type(['events', '--limit', '1', ...flags]);
    expect(last.out).toContain('PluginUpdated');
    const some = await type(['events', '--type', 'CertUploaded', '--json', ...flags]);
    const revisions = some.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).revision);
    expect(revisions).toEqual([1, 3]);
    const bad = await type(['events', '--type', 'Foo', ...flags]);
    expect(bad).toMatchObject({ code: 1, error: expect.stringContaining('type must be one of') });
  });

  it('tells an event of any kind in one line', () => {
    const event = { time: 'T', revision: 1, type: 'NodeAdmitted', actor: 'node' };
    const line = (data: object) => eventLine({ ...event, data });
    expect(line({ node: { id: 'n1', name: 'edge' } })).toBe('T  1  NodeAdmitted  node  edge\n');
    expect(line({ node: { id: 'n1' } })).toBe('T  1  NodeAdmitted  node  n1\n');
    expect(line({ ids: ['n1'] })).toBe('T  1  NodeAdmitted  node  ["n1"]\n');
  });

  it('follows, until interrupted', async () => {
    const { admin, flags } = await startStory();
    let added = false;
    const followed = await type(['events', '--follow', '--limit', '1', ...flags], (out) => {
      if (out.includes('ApiDeleted')) process.emit('SIGINT');
      else if (!added) {
        added = true;
        void admin.send('DELETE', '/apis/x');
      }
    });
    expect(followed.code).toBe(0);
    expect(followed.out).toMatch(/PluginUpdated.*\n.*PluginDeleted.*\n.*ApiDeleted.*\n$/);
  });
});

describe('signet state', () => {
  it('shows the configuration as it was, and the certificate of a host', async () => {
    const { flags } = await startStory();
    const now = await type(['state', ...flags]);
    expect(now.out).toMatch(
      /^revision 4, .*\n\nNAME .*\nx +a\.test +http:\/\/u\.test +[0-9a-f]{16}/,
    );
    const then = await type(['state', '--revision', '0', ...flags]);
    expect(then.out).toContain('default');
    const host = await type(['state', '--host', 'a.test', '--revision', '2', ...flags]);
    expect(host.out).toMatch(/names +a\.test\n/);
    expect(host.out).toMatch(/since +revision 2\n.*by tester/);
    const never = await type(['state', '--at', '2000-01-01', ...flags]);
    expect(never).toMatchObject({ code: 1, error: 'signet: nothing was recorded by then\n' });
  });
});

describe('signet rollback', () => {
  it('shows what it would do, and does it with --yes', async () => {
    const { admin, flags } = await startStory();
    const planned = await type(['rollback', '2', ...flags]);
    expect(planned.out).toMatch(
      /PluginUpdated.*\n\ncertificates:\n {2}a\.test: .* -> .*\n\n.*--yes\n$/,
    );
    expect(admin.plane.folded.head).toBe(4);
    const done = await type(['rollback', '2', '--host', 'a.test', '--yes', ...flags]);
    expect(done.out).toMatch(/rolled back to revision 2\n$/);
    expect((await type(['rollback', '2', '--yes', ...flags])).out).toContain('nothing differs');
    const unknown = await type(['rollback', '2', '--api', 'none', ...flags]);
    expect(unknown).toMatchObject({
      code: 1,
      error: 'signet: No API has, or had, this id or name\n',
    });
  });
});

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startAdmin } from '../support/admin-server.js';
import { makePairs } from '../support/pairs.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const run = promisify(execFile);
const { a, b } = makePairs();

it("takes the commands of Kong's ssl page, typed as they stand there", async () => {
  const admin = await startAdmin();
  const files = await temporaryDirectory();
  await writeFile(join(files, 'cert.pem'), `${a.cert}\n`);
  await writeFile(join(files, 'cert.key'), `${a.key}\n`);
  const curl = async (...args: readonly string[]) => {
    const { stdout } = await run('curl', ['-sS', '-i', ...args], { cwd: files });
    const [head = '', body = ''] = stdout.split('\r\n\r\n').slice(-2);
    return { status: Number(/^HTTP\/1.1 (\d+)/m.exec(head)?.[1]), head, body };
  };

  const api = await curl(
    ...['-X', 'POST', `${admin.url}/apis/`, '--data', 'name=mock'],
    ...['--data', 'upstream_url=http://mockbin.com/', '--data', 'request_host=a.test'],
  );
  expect(api.status).toBe(201);
  const plugin = await curl(
    ...['-X', 'POST', `${admin.url}/apis/mock/plugins`, '--form', 'name=ssl'],
    ...['--form', 'config.cert=@cert.pem', '--form', 'config.key=@cert.key'],
    ...['--form', 'config.only_https=true'],
  );
  expect(plugin.status).toBe(201);
  const created = JSON.parse(plugin.body);
  expect(created).toMatchObject({
    name: 'ssl',
    api_id: JSON.parse(api.body).id,
    enabled: true,
    config: {
      cert: a.cert,
      key: '[sealed]',
      only_https: true,
      accept_http_if_already_terminated: false,
    },
  });
  const listed = await curl(`${admin.url}/apis/mock/plugins`);
  expect(JSON.parse(listed.body)).toEqual({ data: [created], total: 1 });

  await writeFile(join(files, 'cert.pem'), b.cert);
  await writeFile(join(files, 'cert.key'), b.key);
  const changed = await curl(
    ...['-X', 'PATCH', `${admin.url}/apis/mock/plugins/${created.id}`],
    ...['--form', 'config.cert=@cert.pem', '--form', 'config.key=@cert.key'],
  );
  expect(changed.status).toBe(200);
  expect(JSON.parse(changed.body).config).toMatchObject({ cert: b.cert, only_https: true });
  expect(changed.head).toMatch(/^signet-warning: the certificate does not cover a.test/im);
  expect((await curl('-X', 'DELETE', `${admin.url}/apis/mock/plugins/${created.id}`)).status).toBe(
    204,
  );
  expect((await curl('-X', 'DELETE', `${admin.url}/apis/mock`)).status).toBe(204);
  expect((await curl(`${admin.url}/apis/mock`)).status).toBe(404);
});

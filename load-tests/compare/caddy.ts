import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/nginx.js';
import { pemOf, type StartContender } from './contender.js';
import { ServerProcess } from './server-process.js';

/** Go on one thread; a rotation is a new file name through its API, which loads the configuration anew. */
export const startCaddy: StartContender = async (directory, bindings) => {
  const port = await freePort();
  const adminPort = await freePort();
  const pemFile = (n: number) => join(directory, `${n}.pem`);
  const pair = (path: string) => ({ certificate: path, key: path });
  for (const [n, { certificate }] of bindings.entries()) {
    writeFileSync(pemFile(n), pemOf(certificate), { mode: 0o600 });
  }
  const file = join(directory, 'caddy.json');
  writeFileSync(
    file,
    JSON.stringify({
      admin: { listen: `127.0.0.1:${adminPort}`, config: { persist: false } },
      logging: { logs: { default: { level: 'ERROR' } } },
      apps: {
        http: {
          servers: {
            tls: {
              listen: [`127.0.0.1:${port}`],
              protocols: ['h1'],
              automatic_https: { disable: true },
              tls_connection_policies: [{ protocol_min: 'tls1.2', curves: ['x25519', 'p256'] }],
              routes: [{ handle: [{ handler: 'static_response', status_code: 200, body: 'ok' }] }],
            },
          },
        },
        tls: {
          cache: { capacity: 2 * bindings.length + 1_000 }, // else it drops some of ten thousand
          certificates: { load_files: bindings.map((_, n) => pair(pemFile(n))) },
        },
      },
    }),
  );
  const server = new ServerProcess('caddy', ['run', '--config', file], {
    GOMAXPROCS: '1',
    HOME: directory,
    XDG_DATA_HOME: directory,
    XDG_CONFIG_HOME: directory,
  });
  return {
    name: 'Caddy',
    port,
    startedAt: server.startedAt,
    failure: () => server.failure,
    pids: () => [server.pid],
    rotate: async (n, certificate) => {
      // The configuration has to differ, or nothing is loaded.
      const rotated = join(directory, `${n}-rotated.pem`);
      writeFileSync(rotated, pemOf(certificate), { mode: 0o600 });
      const answer = await fetch(
        `http://127.0.0.1:${adminPort}/config/apps/tls/certificates/load_files/${n}`,
        {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(pair(rotated)),
        },
      );
      if (!answer.ok) throw new Error(`Caddy refused: ${answer.status} ${await answer.text()}`);
    },
    stop: () => server.stop(),
  };
};

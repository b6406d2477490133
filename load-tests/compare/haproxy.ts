import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../support/nginx.js';
import { pemOf, type StartContender } from './contender.js';
import { ServerProcess } from './server-process.js';

/** One thread; a rotation goes through the runtime API. */
export const startHaproxy: StartContender = async (directory, bindings) => {
  const port = await freePort();
  const socket = join(directory, 'haproxy.sock');
  const list = join(directory, 'crt-list');
  const pemFile = (n: number) => join(directory, `${n}.pem`);
  for (const [n, { certificate }] of bindings.entries()) {
    writeFileSync(pemFile(n), pemOf(certificate), { mode: 0o600 });
  }
  writeFileSync(list, bindings.map(({ host }, n) => `${pemFile(n)} ${host}\n`).join(''));
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4096
  stats socket ${socket} level admin
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend tls
  bind 127.0.0.1:${port} backlog 4096 ssl crt-list ${list} curves X25519:P-256
  http-request return status 200 content-type text/plain string ok
`,
  );
  const server = new ServerProcess('haproxy', ['-f', file, '-db']);
  const command = async (text: string) => {
    const connection = connect(socket);
    connection.end(`${text}\n`);
    connection.resume();
    await once(connection, 'close');
  };
  return {
    name: 'HAProxy',
    port,
    startedAt: server.startedAt,
    failure: () => server.failure,
    pids: () => [server.pid],
    rotate: async (n, certificate) => {
      const pem = pemOf(certificate).replace(/\n+/g, '\n').trim();
      await command(`set ssl cert ${pemFile(n)} <<\n${pem}\n`);
      await command(`commit ssl cert ${pemFile(n)}`);
    },
    stop: () => server.stop(),
  };
};

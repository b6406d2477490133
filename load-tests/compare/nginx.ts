import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/nginx.js';
import { childrenOf } from '../support/process-cpu.js';
import { pemOf, type StartContender } from './contender.js';
import { ServerProcess } from './server-process.js';

/** One worker; a rotation is a new file and a reload. */
export const startNginx: StartContender = async (directory, bindings) => {
  const port = await freePort();
  const pemFile = (n: number) => join(directory, `${n}.pem`);
  for (const [n, { certificate }] of bindings.entries()) {
    writeFileSync(pemFile(n), pemOf(certificate), { mode: 0o600 });
  }
  const servers = bindings.map(
    ({ host }, n) =>
      `server { listen 127.0.0.1:${port} ssl backlog=4096; server_name ${host}; ` +
      `ssl_certificate ${pemFile(n)}; ssl_certificate_key ${pemFile(n)}; return 200 "ok"; }`,
  );
  // The backlog belongs to the socket, which all servers share: it is said once.
  const [first = '', ...others] = servers;
  const file = join(directory, 'nginx.conf');
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log stderr crit;
    events { worker_connections 4096; }
    http { access_log off; server_names_hash_max_size 262144; server_names_hash_bucket_size 128;
    client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p; fastcgi_temp_path ${directory}/f;
    uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s; keepalive_requests 100000000;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:prime256v1; ssl_session_tickets on;
    ${[first, ...others.map((each) => each.replace(' backlog=4096', ''))].join('\n')} }`,
  );
  const server = new ServerProcess('nginx', ['-c', file, '-p', directory]);
  return {
    name: 'nginx',
    port,
    startedAt: server.startedAt,
    failure: () => server.failure,
    pids: () => [server.pid, ...childrenOf(server.pid)],
    rotate: async (n, certificate) => {
      writeFileSync(pemFile(n), pemOf(certificate));
      server.reload();
    },
    stop: () => server.stop(),
  };
};

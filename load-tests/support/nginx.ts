import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { childrenOf } from './process-cpu.js';

/** One nginx with one worker, its files in a directory of its own. */
export class Nginx {
  readonly #process: ChildProcess;
  readonly port: number;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** @param http the inside of the `http` block; `listen` in it uses the port given to it. */
  static async start(directory: string, http: (port: number) => string): Promise<Nginx> {
    const port = await freePort();
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; worker_processes 1; pid ${join(directory, 'nginx.pid')}; error_log stderr crit;
      events { worker_connections 4096; }
      http { access_log off; client_body_temp_path ${directory}/b; proxy_temp_path ${directory}/p;
        fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
        keepalive_requests 100000000; client_max_body_size 0; ${http(port)} }`,
    );
    const child = spawn('nginx', ['-c', file, '-p', directory], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const nginx = new Nginx(child, port);
    await nginx.#listening();
    return nginx;
  }

  /** The process whose CPU time counts. */
  get workerPid(): number {
    const worker = childrenOf(this.#process.pid ?? 0)[0];
    if (worker === undefined) throw new Error('nginx has no worker');
    return worker;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await exited;
  }

  async #listening(): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      if (this.#process.exitCode !== null || attempt > 200) throw new Error('nginx did not start');
      if (await accepts(this.port)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

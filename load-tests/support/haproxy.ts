import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort } from './nginx.js';

/** One HAProxy with one thread. */
export class Haproxy {
  readonly #process: ChildProcess;
  readonly port: number;

  private constructor(process: ChildProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  /** @param pemFile chain and key, or a directory of such files; answers by itself. */
  static async start(directory: string, pemFile: string): Promise<Haproxy> {
    const port = await freePort();
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend tls
  bind 127.0.0.1:${port} ssl crt ${pemFile}
  http-request return status 200 content-type text/plain string ok
`,
    );
    const child = spawn('haproxy', ['-f', file, '-db'], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (let attempt = 0; !(await accepts(port)); attempt += 1) {
      if (child.exitCode !== null || attempt > 1000) throw new Error('haproxy did not start');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return new Haproxy(child, port);
  }

  /** The process whose CPU time counts. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await exited;
  }
}

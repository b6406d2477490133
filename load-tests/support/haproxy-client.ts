import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { isInstalled } from '../../test/support/is-installed.js';
import { quantile } from '../support.js';
import { accepts, freePort } from './nginx.js';

export interface Target {
  readonly name: string;
  readonly port: number;
  readonly serverName: string;
}

export interface ClientRun {
  readonly connections: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ClientLoad {
  readonly resumes: boolean;
  readonly connections: number;
  readonly seconds: number;
  /** Connections a second; without it as many as there can be. */
  readonly rate?: number;
}

/** The same for every server: the client's order decides with some of them, the server's with others. */
const offer = 'ssl-min-ver TLSv1.3 ciphersuites TLS_AES_128_GCM_SHA256';

/**
 * A HAProxy as TLS client: for each plain request that it gets it opens a new TLS connection to the
 * target, with SNI, asks, and closes. As a driver it costs a third of a client in Node, so that a
 * server can be busy on a machine with two cores; an idle one wakes up for each packet, which costs
 * more than the handshake's own share and differs between servers.
 */
export class HaproxyClient {
  readonly #process: ChildProcess;
  readonly #ports: ReadonlyMap<string, number>;

  private constructor(process: ChildProcess, ports: ReadonlyMap<string, number>) {
    this.#process = process;
    this.#ports = ports;
  }

  /** @throws Error if there is no HAProxy, without which nothing can be driven. */
  static async start(directory: string, targets: readonly Target[]): Promise<HaproxyClient> {
    if (!isInstalled('haproxy')) {
      throw new Error('haproxy is not installed: it opens the TLS connections of the comparison');
    }
    const ports = new Map<string, number>();
    const sections: string[] = [];
    for (const { name, port, serverName } of targets) {
      for (const resumes of [false, true]) {
        const id = idOf(name, resumes);
        const listen = await freePort();
        ports.set(id, listen);
        sections.push(`listen ${id}
  bind 127.0.0.1:${listen}
  http-reuse never
  option http-server-close
  http-request set-header Connection close
  server s 127.0.0.1:${port} ssl verify none sni str(${serverName}) ${offer} ${resumes ? '' : 'no-ssl-reuse'}
`);
      }
    }
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'client.cfg');
    writeFileSync(
      file,
      `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
  retries 0
${sections.join('')}`,
    );
    const child = spawn('haproxy', ['-f', file, '-db'], { stdio: ['ignore', 'ignore', 'inherit'] });
    for (const port of ports.values()) {
      for (let attempt = 0; !(await accepts(port)); attempt += 1) {
        if (child.exitCode !== null || attempt > 1000) throw new Error('haproxy did not start');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    return new HaproxyClient(child, ports);
  }

  /** @throws Error if a connection or request failed. */
  async run(target: string, load: ClientLoad): Promise<ClientRun> {
    // Of its own histogram's whole milliseconds too little is left where an answer takes two.
    const latenciesMs: number[] = [];
    const result = await new Promise<autocannon.Result>((resolve, reject) => {
      const options = {
        url: `http://127.0.0.1:${this.#ports.get(idOf(target, load.resumes))}/`,
        connections: load.connections,
        duration: load.seconds,
        headers: { host: 'no-api.test' },
        ...(load.rate !== undefined && { overallRate: load.rate }),
      };
      autocannon(options, (error, ended) => (error ? reject(error) : resolve(ended))).on(
        'response',
        (_client, _status, _bytes, ms) => latenciesMs.push(ms),
      );
    });
    const failed = result.errors + result.timeouts + result['5xx'];
    if (failed > 0) throw new Error(`${failed} connections to ${target} failed`);
    const connections = result.requests.total;
    const perSecond = connections / result.duration;
    const [p50Ms, p99Ms] = [quantile(latenciesMs, 0.5), quantile(latenciesMs, 0.99)];
    return { connections, perSecond, p50Ms, p99Ms };
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await exited;
  }
}

function idOf(name: string, resumes: boolean): string {
  return `${name}-${resumes ? 'resumed' : 'full'}`;
}

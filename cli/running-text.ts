import { resolve } from 'node:path';
import { formatListenAddress, isLoopback, type ListenAddress } from '../shared/listen-address.js';
import type { Listening, RunningRole } from '../shared/running.js';
import { version } from '../shared/version.js';
import type { LoadedConfig } from './load-config.js';

export interface RunningText {
  readonly running: Pick<RunningRole, 'listening'>;
  readonly loaded: LoadedConfig;
  readonly json: boolean;
  /** Whether to say what to type next; only of use on the machine that runs everything. */
  readonly nextSteps: boolean;
}

const labels: Record<Listening['what'], string> = {
  proxyTls: 'HTTPS proxy',
  proxy: 'HTTP proxy',
  admin: 'admin API',
  nodeStream: 'node stream',
  nodeStatus: 'node status',
};

/** What a start command prints once everything is up. */
export function describeRunning(text: RunningText): string {
  const { listening } = text.running;
  const dataDir = resolve(text.loaded.config.dataDir);
  const addresses = Object.fromEntries(
    listening.map(({ what, address }) => [what, formatListenAddress(address)]),
  );
  if (text.json) return `${JSON.stringify({ version, listening: addresses, dataDir })}\n`;

  const rows = (Object.keys(labels) as Listening['what'][])
    .filter((what) => addresses[what] !== undefined)
    .map((what) => row(labels[what], `${addresses[what]}${remark(what, listening)}`));
  return [
    '',
    `Signet ${version} is up.`,
    '',
    ...rows,
    row('data', dataDir),
    row('configuration', text.loaded.file ?? 'defaults (no signet.yml here)'),
    '',
    ...(text.nextSteps ? nextSteps(listening) : []),
    '',
  ].join('\n');
}

function row(label: string, value: string): string {
  return `  ${label.padEnd(15)}${value}`;
}

function remark(what: Listening['what'], listening: readonly Listening[]): string {
  const admin = listening.find((listener) => listener.what === 'admin');
  if (what !== 'admin' || admin === undefined || !isLoopback(admin.address.host)) return '';
  return '  (this machine only)';
}

/** An API, a certificate for it, and a look at it through the gateway. */
function nextSteps(listening: readonly Listening[]): string[] {
  const address = (what: Listening['what']) =>
    reachable(listening.find((listener) => listener.what === what)?.address);
  const admin = formatListenAddress(address('admin'));
  const tls = address('proxyTls');
  return [
    'Next, with a service of yours on port 3000:',
    '',
    `  curl -X POST http://${admin}/apis -d name=demo -d request_host=demo.test -d upstream_url=http://127.0.0.1:3000`,
    `  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj /CN=demo.test -addext subjectAltName=DNS:demo.test -keyout demo.key -out demo.pem && curl -X POST http://${admin}/apis/demo/plugins --form name=ssl --form config.cert=@demo.pem --form config.key=@demo.key`,
    `  curl --cacert demo.pem --connect-to demo.test:${tls.port}:${formatListenAddress(tls)} https://demo.test:${tls.port}/`,
  ];
}

/** An address to type for one that binds all interfaces. */
function reachable(address: ListenAddress | undefined): ListenAddress {
  const { host, port } = address ?? { host: '127.0.0.1', port: 0 };
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return { host: host === '::' ? '::1' : host, port };
}

import { createDefaultCertificate } from '../../data-plane/listener/default-certificate.js';
import type { ServingSettings } from '../../data-plane/serving/messages.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { Supervisor } from '../../data-plane/supervisor.js';
import { createLogger } from '../../shared/create-logger.js';

/**
 * A data-plane node in a process of its own, without a stream: its memory and start time are those of
 * a node. Arguments: settings as JSON, and the number of serving processes.
 */
export interface NodeReady {
  readonly port: number;
  /** The supervisor's first. */
  readonly pids: readonly number[];
}

const logger = createLogger({ level: 'warn', role: 'load-test' });
const settings: Partial<ServingSettings> = JSON.parse(process.argv[2] ?? '{}');
const dataDirectory = settings.dataDirectory ?? '';
// Opened as a node does, written by nobody.
const store = openNodeStoreWriter({ dataDirectory }, logger);
const supervisor = new Supervisor({
  settings: {
    dataDirectory,
    http: { host: '127.0.0.1', port: 0 },
    https: { host: '127.0.0.1', port: 0 },
    workers: 1,
    defaultCertificate: await createDefaultCertificate(new Date()),
    cipherPolicy: 'intermediate',
    unknownServerName: 'default',
    drainTimeoutMs: 5_000,
    contextBudget: 4096,
    gateway: { product: 'signet/load', limits: {}, verifyUpstreamTls: true, trustedIps: [] },
    logLevel: 'warn',
    ...settings,
  },
  processes: Number(process.argv[3] ?? 1),
  logger,
});
const { https } = await supervisor.start();
const pids = [process.pid, ...supervisor.pids];
process.send?.({ port: https.port, pids } satisfies NodeReady);
process.once('SIGTERM', () => {
  void supervisor.stop().then(() => {
    store.close();
    process.exit(0);
  });
});

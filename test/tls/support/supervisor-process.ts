import { createDefaultCertificate } from '../../../data-plane/listener/default-certificate.js';
import { openNodeStoreWriter } from '../../../data-plane/store/open-node-store.js';
import { Supervisor } from '../../../data-plane/supervisor.js';
import { createLogger } from '../../../shared/create-logger.js';

/** A supervisor in a process of its own, to be killed or stopped. Argument: its data directory. */
const dataDirectory = process.argv[2] ?? '';
const logger = createLogger({ level: 'silent', role: 'test' });
openNodeStoreWriter({ dataDirectory }, logger);
const supervisor = new Supervisor({
  settings: {
    dataDirectory,
    http: { host: '127.0.0.1', port: 0 },
    https: { host: '127.0.0.1', port: 0 },
    workers: 1,
    defaultCertificate: await createDefaultCertificate(new Date()),
    cipherPolicy: 'intermediate',
    unknownServerName: 'default',
    drainTimeoutMs: 1_000,
    contextBudget: 100,
    gateway: {
      product: 'signet/test',
      limits: {},
      verifyUpstreamTls: true,
      trustedIps: [],
      refuseMisdirected: false,
    },
    logLevel: 'silent',
  },
  processes: 1,
  silenceTimeoutMs: 2_000,
  logger,
});
await supervisor.start();
setInterval(() => void supervisor.stats(), 100).unref();
process.send?.({ pids: supervisor.pids });

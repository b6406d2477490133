import { createDefaultCertificate } from '../../data-plane/listener/default-certificate.js';
import { openNodeStoreWriter } from '../../data-plane/store/open-node-store.js';
import { Supervisor } from '../../data-plane/supervisor.js';
import { createLogger } from '../../shared/create-logger.js';
import type { ApiId, PluginId } from '../../shared/gateway-model.js';
import { nextRevision, revision } from '../../shared/revision.js';
import type { SnapshotEntry } from '../../shared/snapshot.js';
import type { HostBinding, NodeReply, NodeRequest, NodeState } from './node-process-messages.js';

/**
 * A data-plane node in a process of its own whose store is written by message instead of a control
 * plane's stream: its memory, start time and CPU are those of a node. Argument: the data directory.
 */
const logId = '22222222-2222-4222-8222-222222222222';
const dataDirectory = process.argv[2] ?? '';
const logger = createLogger({ level: 'warn', role: 'load-test' });
const store = openNodeStoreWriter({ dataDirectory }, logger);
let supervisor: Supervisor | undefined;
let httpsPort = 0;

async function obey(request: NodeRequest): Promise<void> {
  switch (request.kind) {
    case 'start':
      supervisor = new Supervisor({
        settings: {
          dataDirectory,
          http: { host: '127.0.0.1', port: 0 },
          https: { host: '127.0.0.1', port: 0 },
          workers: 1,
          defaultCertificate: await createDefaultCertificate(new Date()),
          cipherPolicy: 'intermediate',
          unknownServerName: 'default',
          drainTimeoutMs: 5_000,
          contextBudget: 4_000,
          gateway: {
            product: 'signet/load',
            limits: {},
            verifyUpstreamTls: true,
            trustedIps: [],
            refuseMisdirected: false,
          },
          logLevel: 'warn',
          ...request.settings,
        },
        processes: request.processes,
        logger,
      });
      httpsPort = (await supervisor.start()).https.port;
      return;
    case 'bind':
      await bind(request.bindings);
      return;
    case 'restart-workers':
      await supervisor?.restartWorkers();
      return;
    case 'stats':
      return;
    default:
      request satisfies never;
  }
}

async function bind(bindings: readonly HostBinding[]): Promise<void> {
  const from = store.revision ?? 'empty';
  const to = from === 'empty' ? revision(0) : nextRevision(from);
  const upserts = bindings.flatMap(entriesOf);
  const changes = store.apply({ logId, from, to, upserts, removals: [] });
  const rejections = (await supervisor?.applied(changes)) ?? [];
  if (rejections.length > 0) throw new Error(`rejected: ${JSON.stringify(rejections)}`);
  store.settle({ revision: to, keepLastGood: [] });
}

/** Requests for these hosts would go to a port where nothing listens: the figures are the listener's. */
const upstreamUrl = 'http://127.0.0.1:9';

function entriesOf({ n, host, certificate }: HostBinding): SnapshotEntry[] {
  const digits = n.toString(16).padStart(12, '0');
  // Ids as the parsers would make them.
  const apiId = `aaaaaaaa-0000-4000-8000-${digits}` as ApiId;
  const pluginId = `bbbbbbbb-0000-4000-8000-${digits}` as PluginId;
  return [
    {
      kind: 'api',
      value: {
        id: apiId,
        createdAt: 0,
        name: `api-${n}`,
        requestHost: host,
        upstreamUrl,
        stripRequestPath: false,
        preserveHost: false,
      },
    },
    { kind: 'certificate', value: certificate },
    {
      kind: 'plugin',
      value: {
        id: pluginId,
        name: 'ssl',
        apiId,
        createdAt: 0,
        enabled: true,
        config: {
          certificateId: certificate.id,
          onlyHttps: false,
          acceptHttpIfAlreadyTerminated: false,
        },
      },
    },
  ];
}

async function state(): Promise<NodeState> {
  return { httpsPort, servingPids: supervisor?.pids ?? [], stats: await supervisor?.stats() };
}

process.on('message', ({ id, request }: { id: number; request: NodeRequest }) => {
  obey(request)
    .then(async () => process.send?.({ id, state: await state() } satisfies NodeReply))
    .catch((error: unknown) => {
      process.send?.({ id, failure: String(error) } satisfies NodeReply);
    });
});
// Also where whoever runs the scenario was killed: nobody is left to end this process.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.once('SIGTERM', () => {
  void (supervisor?.stop() ?? Promise.resolve()).then(() => {
    store.close();
    process.exit(0);
  });
});

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fastify } from 'fastify';
import type { AdminContext } from '../../control-plane/admin-api/admin-context.js';
import { addPastRoutes } from '../../control-plane/admin-api/routes/past.js';
import { FoldedLog } from '../../control-plane/application/folded-log.js';
import { PastStates } from '../../control-plane/application/past-states.js';
import { initialState } from '../../control-plane/domain/state.js';
import type { EventLog } from '../../control-plane/ports/event-log.js';
import { History } from '../../control-plane/projections/history.js';
import type { GatewayEvent } from '../../shared/events.js';
import { revision } from '../../shared/revision.js';
import {
  api,
  apiAdded,
  apiId,
  certificate,
  certUploaded,
  plugin,
  pluginUpdated,
} from '../../test/support/gateway-fixtures.js';
import { silentLogger } from '../../test/support/silent-logger.js';
import { VirtualLog } from '../support/virtual-log.js';
import { bar, machine, printTable, quantile } from '../support.js';

/** `GET /hosts/{host}/certificate` at random hosts and revisions of a long log, and in a short one. */
const barMs = 50;
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    hosts: { type: 'string', default: '10000' },
    questions: { type: 'string', default: '2000' },
  },
});
const hosts = Number(values.hosts);
const events = Math.max(Number(values.events), 3 * hosts);

interface Answer {
  readonly api?: { readonly id: string };
  readonly certificate?: object;
}

/** Adds the hosts with a certificate each, then rotates them in turn. */
function eventAt(n: number): GatewayEvent {
  if (n < hosts) return apiAdded(api(n));
  const turn = Math.floor((n - hosts) / 2);
  const host = turn % hosts;
  const made = certificate(turn);
  if ((n - hosts) % 2 === 0) return certUploaded({ ...made, names: [`host-${host}.test`] });
  const bound = plugin(host, host, turn);
  return turn < hosts ? { type: 'PluginAdded', data: { plugin: bound } } : pluginUpdated(bound);
}

const directory = await mkdtemp(join(tmpdir(), 'signet-history-'));
try {
  const virtual = new VirtualLog(events, eventAt);
  let startedAt = performance.now();
  for await (const _ of virtual.read(revision(0)));
  const madeMs = performance.now() - startedAt;

  const unused = () => Promise.reject(new Error('not of a virtual log'));
  const log: EventLog = {
    read: (from) => virtual.read(from),
    head: () => virtual.head(),
    append: unused,
    subscribe: unused,
    trim: unused,
    close: unused,
  };
  const folded = new FoldedLog(log, silentLogger, { state: initialState, chain: virtual.chain });
  const path = join(directory, 'history.sqlite');
  const history = new History({ path, log, control: folded, logger: silentLogger });
  startedAt = performance.now();
  await history.current();
  const builtMs = performance.now() - startedAt - madeMs;

  const server = fastify();
  // The routes under measurement ask for nothing else of the context.
  const context = { folded } as AdminContext;
  addPastRoutes(server, context, { history, pastStates: new PastStates(log, folded) });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });

  const latenciesMs: number[] = [];
  for (let n = 0; n < Number(values.questions); n++) {
    const host = Math.floor(Math.random() * hosts);
    const asked = 3 * hosts + Math.floor(Math.random() * (events - 3 * hosts));
    startedAt = performance.now();
    const response = await fetch(`${url}/hosts/host-${host}.test/certificate?revision=${asked}`);
    const answer: Answer = JSON.parse(await response.text());
    latenciesMs.push(performance.now() - startedAt);
    if (answer.api?.id !== apiId(host) || answer.certificate === undefined) {
      throw new Error(`wrong answer: ${JSON.stringify(answer)}`);
    }
  }
  await server.close();
  await history.close();

  const p99 = quantile(latenciesMs, 0.99);
  printTable('Which certificate had this host then?', {
    machine: machine(),
    events,
    hosts,
    'index made in s': (builtMs / 1000).toFixed(1),
    'index, MB': ((await stat(path)).size / 1e6).toFixed(0),
    'answered, median ms': quantile(latenciesMs, 0.5).toFixed(2),
    'answered, p99 ms': p99.toFixed(2),
    'answered, longest ms': Math.max(...latenciesMs).toFixed(2),
    p99: bar(p99 <= barMs, `bar: ≤ ${barMs} ms`),
  });
} finally {
  await rm(directory, { recursive: true, force: true });
}

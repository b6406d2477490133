import { Command, InvalidArgumentError } from 'commander';
import { pauseUntilAborted } from '../../shared/pause.js';
import {
  type AdminConnection,
  type AdminOptions,
  AdminRefusal,
  type Answer,
  addAdminFlags,
  adminConnection,
} from '../admin-connection.js';
import { eventLine } from '../event-text.js';
import { type Io, standardIo } from '../io.js';
import { serverSentEvents } from '../server-sent-events.js';

interface Options extends AdminOptions {
  readonly api?: string;
  readonly host?: string;
  readonly type?: string;
  readonly actor?: string;
  readonly after?: string;
  readonly limit: number;
  readonly follow?: boolean;
}

/** `signet events`: what was recorded, and with `--follow` what is being recorded. */
export function eventsCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('events'))
    .description('who changed what, when: the last events, or all that follow')
    .option('--api <name-or-id>', 'only those of one API')
    .option('--host <host>', 'only those of one request_host')
    .option('--type <type>', 'only those of one type, e.g. CertUploaded')
    .option('--actor <name>', 'only those of one caller')
    .option('--after <revision>', 'those after a revision, oldest first')
    .option('--limit <number>', 'at most so many', parseLimit, 20)
    .option('-f, --follow', 'go on with events as they are recorded, until interrupted')
    .action(async (options: Options) => {
      const admin = adminConnection(options);
      const show = (event: Answer) =>
        io.out(options.json === true ? `${JSON.stringify(event)}\n` : eventLine(event));
      const { events, head } = await pastEvents(admin, options);
      for (const event of events) show(event);
      if (options.follow === true) {
        const last = events.at(-1)?.['revision'] ?? head;
        await follow(admin, options, String(options.after === undefined ? head : last), show, io);
      }
    });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 0) return limit;
  throw new InvalidArgumentError('expects a whole number');
}

function filters({ api, host, type, actor }: Options): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ api, host, type, actor })) {
    if (value !== undefined) query.set(name, value);
  }
  return query;
}

/** In the order of the log: the last ones, or the first ones after a revision. */
async function pastEvents(
  admin: AdminConnection,
  options: Options,
): Promise<{ readonly events: readonly Answer[]; readonly head: unknown }> {
  const query = filters(options);
  if (options.after === undefined) query.set('order', 'desc');
  else query.set('after', options.after);
  query.set('limit', String(Math.max(options.limit, 1)));
  const page = await admin.send('GET', `/events?${query}`);
  const data: readonly Answer[] = Array.isArray(page['data']) ? page['data'] : [];
  const shown = data.slice(0, options.limit);
  return {
    events: options.after === undefined ? shown.toReversed() : shown,
    head: page['head'] ?? 'start',
  };
}

/** Goes on where it was after every break of the connection. */
async function follow(
  admin: AdminConnection,
  options: Options,
  after: string,
  show: (event: Answer) => void,
  io: Io,
): Promise<void> {
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let last = after;
  try {
    while (!interrupted.signal.aborted) {
      const query = filters(options);
      query.set('after', last);
      try {
        const accept = { accept: 'text/event-stream' };
        const response = await admin.open(`/events?${query}`, accept, interrupted.signal);
        for await (const { id, data } of serverSentEvents(response)) {
          show(data);
          last = id;
        }
      } catch (error) {
        if (interrupted.signal.aborted) return;
        if (error instanceof AdminRefusal && error.status < 500) throw error;
        io.error(`${error instanceof Error ? error.message : String(error)}; trying again\n`);
      }
      await pauseUntilAborted(1000, interrupted.signal);
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

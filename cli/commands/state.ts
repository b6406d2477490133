import { Command } from 'commander';
import {
  type AdminOptions,
  type Answer,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { list, part } from '../answer-parts.js';
import { type Io, standardIo } from '../io.js';
import { table } from '../table.js';

interface Options extends AdminOptions {
  readonly revision?: string;
  readonly at?: string;
  readonly host?: string;
}

/** `signet state`: the configuration as it is, or was at a revision or time. */
export function stateCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('state'))
    .description('the configuration as it is, or was')
    .option('--revision <revision>', 'after this revision')
    .option('--at <time>', 'at this time, as 2030-01-31T12:00:00Z')
    .option('--host <host>', 'only which certificate this host has, since when and by whom')
    .action(async ({ revision, at, host, ...options }: Options) => {
      const query = new URLSearchParams({
        ...(revision !== undefined && { revision }),
        ...(at !== undefined && { at }),
      });
      const path = host === undefined ? '/state' : `/hosts/${encodeURIComponent(host)}/certificate`;
      const answer = await adminConnection(options).send('GET', `${path}?${query}`);
      if (options.json === true) io.out(`${JSON.stringify(answer, null, 2)}\n`);
      else io.out(host === undefined ? stateText(answer) : bindingText(answer));
    });
}

function stateText(state: Answer): string {
  const certificates = new Map(list(state, 'certificates').map((each) => [text(each, 'id'), each]));
  const plugins = list(state, 'plugins').filter(({ enabled }) => enabled === true);
  const byApi = new Map(plugins.map((each) => [text(each, 'api_id'), each]));
  const rows = list(state, 'apis').map((api) => {
    const plugin = byApi.get(text(api, 'id')) ?? byApi.get('');
    const certificate = certificates.get(text(plugin ?? {}, 'certificate_id'));
    const upstream = text(api, 'upstream_url');
    const route = text(api, 'request_host') || text(api, 'request_path');
    const fingerprint = text(certificate ?? {}, 'fingerprint256').slice(0, 16) || 'default';
    return [text(api, 'name'), route, upstream, fingerprint, text(certificate ?? {}, 'not_after')];
  });
  const title = `revision ${state['revision']}, ${text(state, 'time')}\n\n`;
  return title + table(['NAME', 'HOST OR PATH', 'UPSTREAM', 'CERTIFICATE', 'NOT AFTER'], rows);
}

function bindingText(answer: Answer): string {
  const certificate = part(answer, 'certificate');
  const bound = part(answer, 'bound');
  const { names } = certificate;
  const lines = [
    ['host', text(answer, 'host')],
    ['as of', `revision ${answer['revision']}, ${text(answer, 'time')}`],
    ['api', text(part(answer, 'api'), 'name') || 'none'],
    ['certificate', text(certificate, 'fingerprint256') || 'the default one'],
    ['names', Array.isArray(names) ? names.join(', ') : ''],
    ['not after', text(certificate, 'not_after')],
    ['since', bound['revision'] === undefined ? '' : `revision ${bound['revision']}`],
    ['', [text(bound, 'time'), text(bound, 'actor')].filter((each) => each !== '').join(', by ')],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([name = '', value]) => `${name.padEnd(14)}${value}\n`)
    .join('');
}

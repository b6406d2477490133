import { Command } from 'commander';
import {
  type AdminOptions,
  type Answer,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { list, part } from '../answer-parts.js';
import { eventLine } from '../event-text.js';
import { exitCode, type Io, standardIo } from '../io.js';

interface Options extends AdminOptions {
  readonly api?: string;
  readonly host?: string;
  readonly yes?: boolean;
}

/** `signet rollback REVISION`: shows what it would do, and does it with `--yes`. */
export function rollbackCommand(io: Io = standardIo): Command {
  return addAdminFlags(new Command('rollback'))
    .argument('<revision>', 'what it is to be like again')
    .description('make everything, one API or one host what it was')
    .option('--api <name-or-id>', 'only this API')
    .option('--host <host>', 'only the API of this request_host')
    .option('--yes', 'do it; without, only show what would be done')
    .action(async (revision: string, { api, host, yes, ...options }: Options) => {
      const admin = adminConnection(options);
      const body = {
        revision,
        ...(api !== undefined && { api }),
        ...(host !== undefined && { host }),
      };
      const isDone = yes === true;
      const answer = await admin.send('POST', `/rollback${isDone ? '' : '?dry_run=true'}`, body);
      if (options.json === true) io.out(`${JSON.stringify(answer, null, 2)}\n`);
      else io.out(isDone ? doneText(answer) : plannedText(answer));
      if (!isDone && answer['accepted'] === false) process.exitCode = exitCode.failed;
    });
}

function doneText(answer: Answer): string {
  const events = list(answer, 'events');
  if (events.length === 0) return 'nothing differs from that revision\n';
  return `${events.map(eventLine).join('')}rolled back to revision ${answer['restored']}\n`;
}

function plannedText(report: Answer): string {
  if (report['accepted'] === false) {
    const body = part(part(report, 'refusal'), 'body');
    const lost = list(body, 'lost').map((each) => `  ${text(each, 'request_host')}\n`);
    return `refused: ${text(body, 'message')}\n${lost.join('')}`;
  }
  const events = list(report, 'events');
  if (events.length === 0) return 'nothing differs from that revision\n';
  const bindings = list(report, 'bindings').map((each) => {
    const from = text(part(each, 'before'), 'fingerprint256').slice(0, 16) || 'default';
    const to = text(part(each, 'after'), 'fingerprint256').slice(0, 16) || 'default';
    return `  ${text(each, 'request_host')}: ${from} -> ${to}\n`;
  });
  const certificates = bindings.length === 0 ? '' : `\ncertificates:\n${bindings.join('')}`;
  return `${events.map(eventLine).join('')}${certificates}\nnothing was done yet: add --yes\n`;
}

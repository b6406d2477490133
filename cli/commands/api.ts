import { Command } from 'commander';
import {
  type AdminOptions,
  type Answer,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { type Io, standardIo } from '../io.js';
import { table } from '../table.js';

interface AddOptions extends AdminOptions {
  readonly name?: string;
  readonly host?: string;
  readonly path?: string;
  readonly stripPath?: boolean;
  readonly preserveHost?: boolean;
}

/** `signet api add|list|show|remove`: which requests go to which upstream. */
export function apiCommand(io: Io = standardIo): Command {
  const command = new Command('api').description('add, list, show and remove APIs');

  addAdminFlags(command.command('add <upstream-url>'))
    .description('send requests for a host, or below a path, to an upstream')
    .option('--host <host>', 'request_host, may begin or end with a * label')
    .option('--path <path>', 'request_path')
    .option('--name <name>', 'name (default: made from host or path)')
    .option('--strip-path', 'take the path off before it goes upstream')
    .option('--preserve-host', "send the client's Host header on")
    .action(async (upstreamUrl: string, options: AddOptions) => {
      const api = await adminConnection(options).send('POST', '/apis', {
        upstream_url: upstreamUrl,
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.host === undefined ? {} : { request_host: options.host }),
        ...(options.path === undefined ? {} : { request_path: options.path }),
        ...(options.stripPath === true ? { strip_request_path: true } : {}),
        ...(options.preserveHost === true ? { preserve_host: true } : {}),
      });
      print(io, options, api, () => `added ${text(api, 'name')}\n`);
    });

  addAdminFlags(command.command('list'))
    .description('list all APIs')
    .action(async (options: AdminOptions) => {
      const apis: Answer[] = [];
      for await (const api of adminConnection(options).list('/apis')) apis.push(api);
      apis.sort((a, b) => text(a, 'name').localeCompare(text(b, 'name')));
      print(io, options, apis, () =>
        table(
          ['NAME', 'HOST', 'PATH', 'UPSTREAM'],
          apis.map((api) =>
            ['name', 'request_host', 'request_path', 'upstream_url'].map((field) =>
              text(api, field),
            ),
          ),
        ),
      );
    });

  addAdminFlags(command.command('show <name-or-id>'))
    .description('show one API')
    .action(async (api: string, options: AdminOptions) => {
      const found = await adminConnection(options).send('GET', `/apis/${encodeURIComponent(api)}`);
      print(io, options, found, () =>
        Object.entries(found)
          .map(([field, value]) => `${field.padEnd(20)}${String(value)}\n`)
          .join(''),
      );
    });

  addAdminFlags(command.command('remove <name-or-id>'))
    .description('remove an API and its plugins')
    .action(async (api: string, options: AdminOptions) => {
      await adminConnection(options).send('DELETE', `/apis/${encodeURIComponent(api)}`);
      print(io, options, { removed: api }, () => `removed ${api}\n`);
    });

  return command;
}

function print(io: Io, { json }: AdminOptions, value: unknown, words: () => string): void {
  io.out(json === true ? `${JSON.stringify(value, null, 2)}\n` : words());
}

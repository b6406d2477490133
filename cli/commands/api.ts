import { Command } from 'commander';
import {
  type AdminConnection,
  type AdminOptions,
  type Answer,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { part } from '../answer-parts.js';
import {
  type ApiFlags,
  addApiFlags,
  addHttpsFlags,
  apiFields,
  type HttpsFlags,
  httpsSettings,
  type UnsetFlag,
  unsetFields,
  unsetOption,
} from '../api-flags.js';
import { type Io, standardIo } from '../io.js';
import { table } from '../table.js';

interface UpdateOptions extends AdminOptions, ApiFlags, UnsetFlag {
  readonly upstream?: string;
}

/** `signet api add|update|https|list|show|remove`: which requests go to which upstream. */
export function apiCommand(io: Io = standardIo): Command {
  const command = new Command('api').description('add, change, list, show and remove APIs');

  addApiFlags(addAdminFlags(command.command('add <upstream-url>')))
    .description('send requests for a host, or below a path, to an upstream')
    .action(async (upstreamUrl: string, options: AdminOptions & ApiFlags) => {
      const fields = { upstream_url: upstreamUrl, ...apiFields(options) };
      const api = await adminConnection(options).send('POST', '/apis', fields);
      print(io, options, api, () => `added ${text(api, 'name')}\n`);
    });

  addApiFlags(addAdminFlags(command.command('update <name-or-id>')))
    .description('change an API; what is not named stays')
    .option('--upstream <url>', 'upstream_url')
    .option('--no-strip-path', 'leave the path as it is')
    .option('--no-preserve-host', "send the upstream's own host")
    .addOption(unsetOption(['upstream_targets', 'upstream_ca', 'upstream_verify']))
    .action(async (name: string, options: UpdateOptions) => {
      const { upstream } = options;
      const changes = {
        ...(upstream === undefined ? {} : { upstream_url: upstream }),
        ...apiFields(options),
        ...unsetFields(options),
      };
      const api = await adminConnection(options).send('PATCH', pathOf(name), changes);
      print(io, options, api, () => `changed ${text(api, 'name')}\n`);
    });

  addHttpsFlags(addAdminFlags(command.command('https <name-or-id>')))
    .description('say what an API answers to plain HTTP, and HSTS; without flags: show it')
    .addOption(
      unsetOption([
        'https_redirect_status_code',
        'hsts_max_age',
        'hsts_include_subdomains',
        'hsts_preload',
      ]),
    )
    .action(async (name: string, options: AdminOptions & HttpsFlags & UnsetFlag) => {
      const admin = adminConnection(options);
      const changes = { ...httpsSettings(options), ...unsetFields(options) };
      let plugin = await sslPluginOf(admin, name);
      if (Object.keys(changes).length > 0) {
        const path = `${pathOf(name)}/plugins/${text(plugin, 'id')}`;
        plugin = await admin.send('PATCH', path, { config: changes });
      }
      const { cert: _, key: __, ...settings } = part(plugin, 'config');
      print(io, options, settings, () => lines(settings));
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
    .action(async (name: string, options: AdminOptions) => {
      const found = await adminConnection(options).send('GET', pathOf(name));
      print(io, options, found, () => lines(found));
    });

  addAdminFlags(command.command('remove <name-or-id>'))
    .description('remove an API and its plugins')
    .action(async (name: string, options: AdminOptions) => {
      await adminConnection(options).send('DELETE', pathOf(name));
      print(io, options, { removed: name }, () => `removed ${name}\n`);
    });

  return command;
}

function pathOf(nameOrId: string): string {
  return `/apis/${encodeURIComponent(nameOrId)}`;
}

/** @throws if no certificate is bound to the API. */
async function sslPluginOf(admin: AdminConnection, name: string): Promise<Answer> {
  for await (const plugin of admin.list(`${pathOf(name)}/plugins`)) {
    if (text(plugin, 'name') === 'ssl') return plugin;
  }
  throw new Error(`${name} has no certificate yet: bind one first (POST ${pathOf(name)}/plugins)`);
}

function lines(fields: Answer): string {
  const width = Math.max(...Object.keys(fields).map(({ length }) => length)) + 2;
  return Object.entries(fields)
    .map(([field, value]) => `${field.padEnd(width)}${String(value)}\n`)
    .join('');
}

function print(io: Io, { json }: AdminOptions, value: unknown, words: () => string): void {
  io.out(json === true ? `${JSON.stringify(value, null, 2)}\n` : words());
}

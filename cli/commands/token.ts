import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { AccessStore } from '../../control-plane/access/access-store.js';
import { checkCredentialRequest } from '../../control-plane/access/credential.js';
import { createLogger } from '../../shared/create-logger.js';
import {
  type AdminConnection,
  type AdminOptions,
  type Answer,
  addAdminFlags,
  adminConnection,
  text,
} from '../admin-connection.js';
import { parseDuration, remaining } from '../duration.js';
import { type Io, standardIo } from '../io.js';
import { loadConfig } from '../load-config.js';
import { table } from '../table.js';

interface CreateOptions extends AdminOptions {
  readonly scope: readonly string[];
  readonly expires?: number;
  readonly certificate?: string;
  readonly offline?: string;
}

/** `signet token create|list|revoke`: who may use the admin API, and for what. */
export function tokenCommand(io: Io = standardIo): Command {
  const command = new Command('token').description('tokens of the admin API');

  addAdminFlags(command.command('create'))
    .description('make a token and print it, this once; the first one ends development mode')
    .argument('<name>', 'named in every event it leads to')
    .requiredOption(
      '--scope <scope...>',
      'admin, write, read, events, nodes or certificates:HOST (*.HOST for those under it)',
    )
    .option('--expires <duration>', 'as 90d; without it the token does not expire', parseDuration)
    .option('--certificate <file>', 'let the holder of this client certificate in, without a token')
    .addOption(
      new Option(
        '--offline <data-dir>',
        'straight into the store, on the machine of the control plane: the way back in',
      ).conflicts('certificate'),
    )
    .action(async (name: string, options: CreateOptions) => {
      const made =
        options.offline === undefined
          ? await adminConnection(options).send('POST', '/tokens', requestOf(name, options))
          : await createOffline(name, options, options.offline);
      const shown = text(made, 'token') || `${name} is let in by its certificate`;
      io.out(options.json === true ? `${JSON.stringify(made, null, 2)}\n` : `${shown}\n`);
    });

  addAdminFlags(command.command('list'))
    .description('list all tokens and client certificates, also revoked ones; never their secrets')
    .action(async (options: AdminOptions) => {
      const credentials = await list(adminConnection(options));
      io.out(
        options.json === true
          ? `${JSON.stringify(credentials, null, 2)}\n`
          : credentialTable(credentials),
      );
    });

  addAdminFlags(command.command('revoke'))
    .description('refuse a token from now on')
    .argument('<name>', 'its name or id')
    .action(async (nameOrId: string, options: AdminOptions) => {
      const connection = adminConnection(options);
      const found = (await list(connection)).find(
        (each) => text(each, 'name') === nameOrId || text(each, 'id') === nameOrId,
      );
      if (found === undefined) throw new Error(`there is no token '${nameOrId}'`);
      await connection.send('DELETE', `/tokens/${text(found, 'id')}`);
      const name = text(found, 'name');
      io.out(
        options.json === true ? `${JSON.stringify({ revoked: name })}\n` : `revoked ${name}\n`,
      );
    });

  return command;
}

async function list(connection: AdminConnection): Promise<readonly Answer[]> {
  const credentials: Answer[] = [];
  for await (const credential of connection.list('/tokens')) credentials.push(credential);
  return credentials;
}

function requestOf(name: string, { scope, expires, certificate }: CreateOptions): Answer {
  return {
    name,
    scopes: scope,
    ...(expires === undefined ? {} : { expires_at: Date.now() + expires }),
    ...(certificate === undefined ? {} : { certificate: readFileSync(certificate, 'utf8') }),
  };
}

/** Whoever has the cluster CA's key, and the store's password if it is EventStoreDB, owns it anyway. */
async function createOffline(
  name: string,
  { scope, expires }: CreateOptions,
  dataDir: string,
): Promise<Answer> {
  const { config } = loadConfig({ data_dir: dataDir });
  const logger = createLogger({ level: 'error', role: 'token' });
  const { withGrantLog } = await import('../../control-plane/open-grant-log.js'); // slow to load
  return withGrantLog(config, logger, async (log) => {
    const now = Date.now();
    const expiresAt = expires === undefined ? undefined : now + expires;
    const request = checkCredentialRequest({ name, scopes: scope, expiresAt }, now);
    const store = new AccessStore({ log, clock: Date.now });
    const { credential, token } = await store.issue(request, 'offline');
    return { id: credential.id, name, scopes: credential.scopes, ...(token && { token }) };
  });
}

function credentialTable(credentials: readonly Answer[]): string {
  const rows = credentials.map((each) => [
    text(each, 'name'),
    text(each, 'id'),
    text(each, 'kind'),
    Array.isArray(each['scopes']) ? each['scopes'].join(' ') : '',
    standing(each),
  ]);
  return table(['name', 'id', 'kind', 'scopes', 'standing'], rows);
}

function standing(credential: Answer): string {
  if (credential['revoked_at'] !== undefined) return 'revoked';
  const expiresAt = credential['expires_at'];
  return typeof expiresAt === 'number' ? remaining(expiresAt, Date.now()) : 'valid';
}

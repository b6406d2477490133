import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadMasterKeys } from '../../../control-plane/adapters/master-key.js';
import { SqliteEventLog } from '../../../control-plane/adapters/sqlite-event-log.js';
import { SqliteKeyVault } from '../../../control-plane/adapters/sqlite-key-vault.js';
import { JsonFault, parseStrictJson } from '../../../control-plane/admin-api/body/strict-json.js';
import { createAdminServer } from '../../../control-plane/admin-api/server.js';
import { CommandHandler } from '../../../control-plane/application/command-handler.js';
import { FoldedLog } from '../../../control-plane/application/folded-log.js';
import { PastStates } from '../../../control-plane/application/past-states.js';
import { recordingLogger } from '../../fleet/snapshot-fixtures.js';
import { adminDefaults } from '../../support/admin-defaults.js';
import { OpensslBench } from '../../support/openssl.js';
import type { FuzzTarget, PreparedTarget } from '../fuzz-target.js';
import { bytesOf, mutated, textOf } from '../mutations.js';

const boundary = 'b0undary';
const tokens = [
  '"config":{"',
  '"config.cert":',
  '"__proto__":{',
  '{"certificates":[',
  '{"request_host":"a.test","config":',
  '{"a":',
  '[[[[[[[[[[',
  '\\u0000',
  `\r\n--${boundary}\r\n`,
  `--${boundary}--`,
  'Content-Disposition: form-data; name="',
  'Content-Transfer-Encoding: base64\r\n',
  "; filename*=UTF-8''a",
  '%0d%0a',
];

const fields = {
  name: 'fuzz',
  request_host: '*.fuzz.test',
  request_path: '/a%20b',
  upstream_url: 'https://u.test:8443/x',
  strip_request_path: 'true',
};

function forms(pairs: Readonly<Record<string, string>>): string[] {
  const parts = Object.entries(pairs).map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return [
    JSON.stringify(pairs),
    new URLSearchParams(pairs).toString(),
    `${parts.join('')}--${boundary}--\r\n`,
  ];
}

/** By the look of what was left of it, so that every parser is reached. */
function contentTypeOf(body: Uint8Array): string {
  const [first] = body;
  if (first === 0x7b) return 'application/json';
  if (first === 0x2d) return `multipart/form-data; boundary=${boundary}`;
  return 'application/x-www-form-urlencoded';
}

/** Requests as dry runs: parsed, planned and decided, and nothing is recorded. */
async function prepareServer(): Promise<PreparedTarget> {
  const directory = mkdtempSync(join(tmpdir(), 'signet-fuzz-'));
  const masterKeys = await loadMasterKeys({ kind: 'file', path: join(directory, 'master.key') });
  const log = new SqliteEventLog({ path: join(directory, 'events.db') });
  const vault = new SqliteKeyVault({ path: join(directory, 'vault.db'), masterKeys });
  const logger = { ...recordingLogger(), debug: () => {}, info: () => {}, warn: () => {} };
  let defect: string | undefined;
  const error = (fields: object, message: string) => {
    defect = `${message}: ${'err' in fields && fields.err instanceof Error ? fields.err.stack : ''}`;
  };
  const folded = new FoldedLog(log, logger);
  const clock = Date.now;
  const pastStates = new PastStates(log, folded);
  const server = await createAdminServer({
    ...adminDefaults,
    ...{ log, folded, clock },
    handler: new CommandHandler({ log, vault, folded, clock, logger }),
    logger: { ...logger, error },
    stateAt: (revision) => pastStates.at(revision),
  });
  const bench = new OpensslBench();
  const key = bench.key('EC', 'ec_paramgen_curve:P-256');
  const config = { cert: bench.certificate(key), key };
  const plugin = { name: 'ssl', 'config.cert': config.cert, 'config.key': config.key };
  bench.dispose();
  const api = { upstream_url: 'http://u.test', upstream_targets: [] };
  const bulk = JSON.stringify({
    certificates: ['a.test', 'b.test'].map((request_host) => ({ request_host, config, api })),
  });
  const send = async (path: string, body: Uint8Array) => {
    const answer = await server.fastify.inject({
      method: 'POST',
      url: `${path}?dry_run=true`,
      headers: { 'content-type': contentTypeOf(body) },
      payload: Buffer.from(body),
    });
    if (answer.statusCode >= 500) throw new Error(defect ?? `answered ${answer.statusCode}`);
    if (/-----BEGIN[^-]*PRIVATE KEY/.test(answer.body)) throw new Error('a key is repeated');
  };
  return {
    inputs: mutated(bytesOf(...forms(fields), ...forms(plugin), bulk), { tokens }),
    run: async (input) => {
      await send('/apis', input);
      await send('/plugins', input);
      await send('/certificates', input);
    },
    dispose: async () => {
      await server.close();
      await log.close();
      await vault.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const adminBodyTargets: readonly FuzzTarget[] = [
  {
    name: 'json',
    share: 10,
    prepare: () => ({
      inputs: mutated(
        bytesOf(JSON.stringify(fields), '{"config":{"a":[1,{"b":null}]},"c.d":"\\u00e9"}'),
        {
          tokens,
        },
      ),
      run: (input) => {
        try {
          parseStrictJson(textOf(input));
        } catch (error) {
          if (!(error instanceof JsonFault)) throw error;
        }
      },
    }),
  },
  { name: 'admin-bodies', share: 4, prepare: prepareServer },
];

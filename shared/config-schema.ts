import Type, { type Static, type StaticDecode } from 'typebox';
import { listenAddressPattern, parseListenAddress } from './listen-address.js';

/**
 * Every setting, once: this schema is the check, the defaults, the types, the command line's flags
 * and the table in the README. Names are those of Kong's `kong.yml` where Kong had the setting.
 * `description` says what it is, in which unit, and why someone would change it.
 */

/** Where the master key that wraps the vault's data keys comes from. Read once, at start. */
export type MasterKeySource =
  | { readonly source: 'file'; readonly path: string }
  | { readonly source: 'environment'; readonly name: string }
  /** Run by the shell; the key is the command's standard output. */
  | { readonly source: 'command'; readonly command: string };

function parseMasterKeySource(text: string): MasterKeySource {
  const rest = text.slice(text.indexOf(':') + 1);
  if (text.startsWith('env:')) return { source: 'environment', name: rest };
  if (text.startsWith('command:')) return { source: 'command', command: rest };
  return { source: 'file', path: rest };
}

const listenAddress = (defaultValue: string, description: string) =>
  Type.Decode(
    Type.String({
      pattern: listenAddressPattern,
      default: defaultValue,
      description,
      expects: 'host:port, IPv6 as [::1]:8001',
    }),
    parseListenAddress,
  );

const milliseconds = (defaultValue: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 86_400_000, default: defaultValue, description });

const oneOf = <const Values extends string[]>(
  values: readonly [...Values],
  defaultValue: Values[number],
  description: string,
) => Type.Enum(values, { default: defaultValue, description });

const path = (description: string, more: { readonly default?: string } = {}) =>
  Type.String({ minLength: 1, description, ...more });

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const properties = {
  plugins_available: Type.Array(Type.Enum(['ssl']), {
    uniqueItems: true,
    default: ['ssl'],
    description: 'Plugins that exist on this node; alike on all nodes. Empty: no certificates.',
  }),
  proxy_listen: listenAddress('0.0.0.0:8000', 'Plain HTTP from clients.'),
  proxy_listen_ssl: listenAddress('0.0.0.0:8443', 'HTTPS from clients.'),
  admin_api_listen: listenAddress(
    '127.0.0.1:8001',
    'Admin API. Off loopback it needs TLS and tokens.',
  ),
  admin_ssl_cert_path: Type.Optional(
    path('PEM chain of the admin API, which then speaks TLS; taken up anew when the file changes.'),
  ),
  admin_ssl_key_path: Type.Optional(
    path('PEM key of `admin_ssl_cert_path`, unencrypted, mode 0600.'),
  ),
  node_listen: listenAddress(
    '127.0.0.1:8002',
    'Stream from the control plane to its nodes, mutual TLS 1.3.',
  ),
  cluster_ca_dir: Type.Optional(
    path(
      'Directory of the cluster CA, which control planes of one event log share; unset: in the data directory.',
    ),
  ),
  node_status_listen: Type.Optional(
    Type.Decode(
      Type.String({
        pattern: listenAddressPattern,
        expects: 'host:port, IPv6 as [::1]:8003',
        description:
          "A node's own `/ready`, `/live`, `/status` and `/metrics`, for balancers and monitoring; unset: none.",
      }),
      parseListenAddress,
    ),
  ),
  ssl_cert_path: Type.Optional(
    path('PEM chain for names without a certificate of their own; self-made if unset.'),
  ),
  ssl_key_path: Type.Optional(path('PEM key of `ssl_cert_path`, unencrypted, mode 0600.')),
  cipher_policy: oneOf(
    ['modern', 'intermediate'],
    'intermediate',
    "Mozilla's names: `modern` is TLS 1.3 only, `intermediate` adds TLS 1.2.",
  ),
  unknown_server_name: oneOf(
    ['default', 'refuse'],
    'default',
    'What a client gets that asks for a name no API has: the default certificate or no handshake.',
  ),
  misdirected_requests: oneOf(
    ['serve', 'refuse'],
    'serve',
    "What a TLS client gets whose `Host` belongs to another API than its connection's server name: that API, as in Kong, or 421.",
  ),
  https_redirect_port: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65_535,
      description:
        'Port that redirects to HTTPS name, where clients reach `proxy_listen_ssl` at another one; unset: its own.',
    }),
  ),
  allow_expired_certificates: Type.Boolean({
    default: false,
    description: 'Take uploads whose leaf has expired, as Kong did.',
  }),
  data_dir: path('Event log, key vault, node store and generated keys. Back it up.', {
    default: './signet-data',
  }),
  event_log: Type.Optional(
    Type.String({
      pattern: '^esdb(\\+discover)?://',
      secret: true,
      expects: 'an EventStoreDB connection string, esdb://…',
      description: 'EventStoreDB connection string; unset: the embedded SQLite log.',
    }),
  ),
  master_key: Type.Optional(
    Type.Decode(
      Type.String({
        pattern: '^(file|env|command):.+',
        expects: 'file:PATH, env:NAME or command:COMMAND',
        description:
          'Source of the key that wraps all private keys: `file:PATH`, `env:NAME` or `command:COMMAND` (32 bytes in Base64). Unset: `master.key` in the data directory, made at first start.',
      }),
      parseMasterKeySource,
    ),
  ),
  replaced_key_retention_ms: Type.Integer({
    minimum: 0,
    maximum: 2_592_000_000,
    default: 86_400_000,
    description:
      'How long the key of a replaced certificate stays in the vault, so that the rotation can be rolled back; 0: it goes at once. Keys of deleted certificates always do.',
  }),
  ack_retention_ms: Type.Integer({
    minimum: 60_000,
    maximum: 315_360_000_000,
    default: 2_592_000_000,
    description:
      'How far back `/nodes/{node}/served` answers what a node served, 30 days. A million acknowledgements take 130 MB.',
  }),
  control_planes: Type.Array(
    Type.Decode(
      Type.String({ pattern: listenAddressPattern, expects: 'host:port' }),
      parseListenAddress,
    ),
    {
      uniqueItems: true,
      default: ['127.0.0.1:8002'],
      description: "Where a data-plane node finds its control planes' `node_listen`.",
    },
  ),
  join_token: Type.Optional(
    Type.String({
      minLength: 1,
      secret: true,
      description:
        'Single-use token with which a new node joins. As an environment variable or through `join_token_path`, never as a flag.',
    }),
  ),
  join_token_path: Type.Optional(path('File with the join token.')),
  node_name: Type.Optional(
    Type.String({
      pattern: '^[0-9a-zA-Z._-]{1,64}$',
      expects: '1 to 64 letters, digits, dots, dashes',
      description: "A node's name in lists and metrics; unset: the machine's host name.",
    }),
  ),
  workers: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 256,
      description: 'Worker threads of each serving process; unset: one per core.',
    }),
  ),
  processes: Type.Integer({
    minimum: 1,
    maximum: 64,
    default: 1,
    description: 'Serving processes that share the proxy ports. 2 or more survive a crash of one.',
  }),
  context_budget: Type.Integer({
    minimum: 16,
    maximum: 1_000_000,
    default: 4_000,
    description:
      'TLS contexts that one worker keeps ready, about 10 KB each; the rest are built when asked for.',
  }),
  trusted_ips: Type.Array(
    Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$', expects: 'an address or CIDR block' }),
    {
      uniqueItems: true,
      default: [],
      description:
        'Addresses and CIDR blocks whose `X-Forwarded-*`, `Forwarded` and `X-Request-Id` are believed. Unset: `X-Forwarded-*` from everybody, as in Kong, the others from nobody.',
    },
  ),
  upstream_tls_verify: Type.Boolean({
    default: true,
    description:
      "Verify https upstreams' certificates, against the system's roots. Kong did not. An API's `upstream_verify` goes before it.",
  }),
  upstream_connect_timeout_ms: milliseconds(
    10_000,
    'To reach an upstream, TLS included; then 504.',
  ),
  upstream_headers_timeout_ms: milliseconds(
    120_000,
    'From the end of the request to the first byte of the answer; then 504.',
  ),
  upstream_body_timeout_ms: milliseconds(
    600_000,
    'Silence within an answer. Longer than the longest quiet event stream.',
  ),
  upstream_idle_timeout_ms: milliseconds(
    4_000,
    "How long an unused upstream connection is kept. Shorter than the upstreams' own limit.",
  ),
  upstream_max_connections: Type.Integer({
    minimum: 1,
    maximum: 65_535,
    default: 512,
    description:
      'Connections to one upstream from one worker; requests beyond it wait, for three times `upstream_connect_timeout_ms` at the most; then 503.',
  }),
  upstream_eject_after_failures: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 3,
    description:
      'Failures in a row (no connection, no answer in time, a broken one, a failure status) after which one of several `upstream_targets` is left out.',
  }),
  upstream_eject_ms: milliseconds(
    10_000,
    'How long it is left out; twice as long each time that it fails again.',
  ),
  upstream_max_eject_ms: milliseconds(300_000, 'The longest that it is left out.'),
  upstream_failure_statuses: Type.Array(
    Type.Decode(Type.String({ pattern: '^[1-5][0-9]{2}$', expects: 'a status, as 503' }), Number),
    {
      uniqueItems: true,
      default: ['502', '503', '504'],
      description: 'Statuses that count as failures of the target that answers them.',
    },
  ),
  upstream_panic_percent: Type.Integer({
    minimum: 0,
    maximum: 100,
    default: 50,
    description:
      'With fewer targets left than this share, all are used again: it is rather the requests that fail.',
  }),
  client_body_timeout_ms: milliseconds(60_000, "Silence within a request's body; then 408."),
  drain_timeout_ms: milliseconds(
    30_000,
    'How long requests under way may take once a process stops or a worker is replaced.',
  ),
  engine_sha256: Type.Optional(
    Type.String({
      pattern: '^[0-9a-fA-F]{64}$',
      expects: 'a SHA-256, 64 hex digits',
      description:
        'SHA-256 of the TLS engine, where it is another build than the one Signet comes with.',
    }),
  ),
  access_log_path: Type.Optional(
    path('File that every request is appended to once it has ended; unset: no access log.'),
  ),
  access_log_format: oneOf(
    ['json', 'combined'],
    'json',
    'Lines as JSON objects, or as Apache and nginx write them.',
  ),
  access_log_percent: Type.Integer({
    minimum: 1,
    maximum: 100,
    default: 100,
    description: 'How many of a hundred requests are recorded, chosen at random.',
  }),
  log_level: oneOf(
    logLevels,
    'info',
    '`signet log-level` changes it while running; signal SIGUSR2 switches to `debug` and back.',
  ),
};

export const settingsSchema = Type.Object(properties, { additionalProperties: false });

/** What a file, the environment or flags may hold: names as in the schema, values as text. */
export type Settings = Static<typeof settingsSchema>;
export type SettingName = keyof typeof properties;
export type DecodedSettings = StaticDecode<typeof settingsSchema>;

/** What the schema says of one setting, for help texts, the environment and the README. */
export interface SettingInfo {
  readonly name: SettingName;
  readonly type: 'string' | 'integer' | 'boolean' | 'array';
  readonly description: string;
  readonly secret: boolean;
  readonly default: unknown;
  readonly choices: readonly string[] | undefined;
  /** What a value looks like, for error messages. */
  readonly expects: string | undefined;
}

interface SchemaNode {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly secret?: boolean;
  readonly expects?: string;
  readonly items?: SchemaNode;
}

export const settings: readonly SettingInfo[] = Object.entries(
  // TypeBox hides the options it was given from the type; they are plain JSON Schema at run time.
  properties as Readonly<Record<string, SchemaNode>>,
).map(([name, node]) => ({
  name: name as SettingName,
  type: (node.type ?? 'string') as SettingInfo['type'],
  description: node.description ?? '',
  secret: node.secret === true,
  default: node.default,
  choices: node.enum ?? node.items?.enum,
  expects: node.expects ?? node.items?.expects,
}));

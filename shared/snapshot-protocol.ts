import Type, { type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { encodeFrame, ProtocolError } from './frame-codec.js';
import type {
  ApiId,
  CertificateId,
  HttpsRedirectStatusCode,
  PluginId,
  UpstreamServer,
} from './gateway-model.js';
import type { Revision } from './revision.js';

/**
 * What a control plane and its nodes say to each other, as JSON in frames over mutual TLS 1.3.
 *
 * Versions: the major number is part of the ALPN name, so two that can't talk never get past the
 * handshake. Within it, a reader ignores fields and message types that it does not know, and hands
 * unknown fields of an entry on: an older node stores and counts them like any others.
 *
 * Minor 1: redirects to HTTPS and HSTS in plugins, servers and roots of upstreams in APIs. A node of
 * minor 0 refuses plain HTTP with 426 and reaches upstreams by their URL alone.
 */
export const protocolName = 'signet-node/1';
export const protocolMinor = 1;

/** Name in every control plane's stream certificate; nodes find their control planes by address. */
export const controlPlaneName = 'control-plane.signet.internal';

/** Bodies above this are refused by the reader before they are read. */
export const maxControlMessageBytes = 8 * 1024 * 1024;
export const maxNodeMessageBytes = 1024 * 1024;
/** From a peer that has not said who it is. */
export const maxJoinMessageBytes = 16 * 1024;
/** A chunk is closed once it holds this much: what a node must hold in memory at a time. */
export const chunkBytes = 256 * 1024;

// The pattern is the check behind each brand.
const uuid = <Id extends string>() => Type.Unsafe<Id>(Type.String({ pattern: '^[0-9a-f-]{36}$' }));
const revision = Type.Unsafe<Revision>(
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
);
const text = (maxLength: number) => Type.String({ maxLength });
const hex64 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const epochMs = Type.Integer({ minimum: -8.64e15, maximum: 8.64e15 });
const pem = text(64 * 1024);

const upstreamServers = Type.Array(
  Type.Object({
    host: text(253),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    weight: Type.Integer({ minimum: 1, maximum: 1000 }),
  }),
  { maxItems: 64 },
);

const api = Type.Object({
  id: uuid<ApiId>(),
  createdAt: epochMs,
  name: text(1024),
  requestHost: Type.Optional(text(1024)),
  requestPath: Type.Optional(text(8192)),
  upstreamUrl: text(8192),
  stripRequestPath: Type.Boolean(),
  preserveHost: Type.Boolean(),
  upstreamTargets: Type.Optional(Type.Unsafe<readonly UpstreamServer[]>(upstreamServers)),
  upstreamCa: Type.Optional(pem),
  upstreamVerify: Type.Optional(Type.Boolean()),
});

const plugin = Type.Object({
  id: uuid<PluginId>(),
  name: Type.Literal('ssl'),
  apiId: Type.Optional(uuid<ApiId>()),
  createdAt: epochMs,
  enabled: Type.Boolean(),
  config: Type.Object({
    certificateId: uuid<CertificateId>(),
    onlyHttps: Type.Boolean(),
    acceptHttpIfAlreadyTerminated: Type.Boolean(),
    httpsRedirectStatusCode: Type.Optional(
      Type.Unsafe<HttpsRedirectStatusCode>(Type.Integer({ enum: [301, 302, 307, 308, 426] })),
    ),
    hstsMaxAge: Type.Optional(Type.Integer({ minimum: 0 })),
    hstsIncludeSubdomains: Type.Optional(Type.Boolean()),
    hstsPreload: Type.Optional(Type.Boolean()),
  }),
});

const certificate = Type.Object({
  id: uuid<CertificateId>(),
  fingerprint256: hex64,
  chainPem: text(1024 * 1024),
  keyPem: text(256 * 1024),
  notAfter: epochMs,
});

const rejection = Type.Object({
  certificateId: uuid<CertificateId>(),
  hosts: Type.Array(text(1024)),
  reason: text(1024),
});

const count = Type.Integer({ minimum: 0 });

/** How a node is: sent in `hello`, on a change, and as a sign of life. */
const nodeHealth = Type.Object({
  workers: count,
  workersWanted: count,
  /** Whether certificates are really usable: the workers serve the stored snapshot. */
  ready: Type.Boolean(),
  /** Since the node's start; of clients, not of upstreams. */
  traffic: Type.Optional(
    Type.Object({
      connectionsActive: count,
      connectionsAccepted: count,
      requestsActive: count,
      requestsTotal: count,
      /** Absent from nodes of an earlier build. */
      tlsConnectionsAccepted: Type.Optional(count),
      upstreamFailures: Type.Optional(count),
    }),
  ),
});

const type = <Name extends string>(name: Name) => ({ type: Type.Literal(name) });

const nodeMessages = {
  /** From a peer without a certificate, as its only message. */
  join: Type.Object({ ...type('join'), token: text(512), nodeName: text(256), csrPem: pem }),
  hello: Type.Object({
    ...type('hello'),
    minor: count,
    nodeName: text(256),
    version: text(64),
    pluginsAvailable: Type.Array(text(128)),
    logId: Type.Optional(text(64)),
    revision: Type.Optional(revision),
    health: nodeHealth,
  }),
  /** Every worker of the node serves `revision`; `rejections` are all that stand. */
  ack: Type.Object({
    ...type('ack'),
    revision,
    digest: hex64,
    rejections: Type.Array(rejection, { maxItems: 1000 }),
  }),
  /** The delta on its way could not be applied: the node asks for a full snapshot. */
  resync: Type.Object({ ...type('resync'), reason: text(1024) }),
  alive: Type.Object({ ...type('alive'), health: nodeHealth }),
  renew: Type.Object({ ...type('renew'), csrPem: pem }),
};

const controlMessages = {
  joined: Type.Object({
    ...type('joined'),
    nodeId: uuid<string>(),
    certificatePem: pem,
    caPem: pem,
  }),
  /** The last message before the control plane closes. */
  refused: Type.Object({ ...type('refused'), reason: text(1024) }),
  welcome: Type.Object({
    ...type('welcome'),
    minor: count,
    version: text(64),
    head: Type.Optional(revision),
    // A timer of more than 2^31 ms would go off at once, and again and again.
    keepAliveMs: Type.Integer({ minimum: 10, maximum: 3_600_000 }),
  }),
  /** A snapshot begins; `from` is absent in a full one. Its chunks follow, then `end` or `abort`. */
  begin: Type.Object({
    ...type('begin'),
    logId: text(64),
    from: Type.Optional(revision),
    to: revision,
  }),
  chunk: Type.Object({
    ...type('chunk'),
    apis: Type.Array(api),
    plugins: Type.Array(plugin),
    certificates: Type.Array(certificate),
    removedApis: Type.Array(uuid<ApiId>()),
    removedPlugins: Type.Array(uuid<PluginId>()),
    removedCertificates: Type.Array(uuid<CertificateId>()),
  }),
  end: Type.Object(type('end')),
  /** What was begun is overtaken by a newer revision: forget it. */
  abort: Type.Object(type('abort')),
  alive: Type.Object({ ...type('alive'), head: Type.Optional(revision) }),
  renewed: Type.Object({ ...type('renewed'), certificatePem: pem }),
};

export type NodeMessage = MessageOf<typeof nodeMessages>;
export type ControlMessage = MessageOf<typeof controlMessages>;
export type NodeHealth = Static<typeof nodeHealth>;
export type ChunkMessage = Static<typeof controlMessages.chunk>;
export type HelloMessage = Static<typeof nodeMessages.hello>;
export type AckMessage = Static<typeof nodeMessages.ack>;
export type JoinMessage = Static<typeof nodeMessages.join>;

/**
 * `JSON.stringify` and not a serialiser made from the schemas: those write known fields only, and an
 * entry has to arrive as it left, or the digests of two versions would differ.
 */
export function encodeMessage(message: NodeMessage | ControlMessage): Buffer {
  return encodeFrame(JSON.stringify(message));
}

/** `undefined` for a type that this version does not know. @throws ProtocolError */
export const parseNodeMessage: (body: Buffer) => NodeMessage | undefined =
  messageParser(nodeMessages);

/** `undefined` for a type that this version does not know. @throws ProtocolError */
export const parseControlMessage: (body: Buffer) => ControlMessage | undefined =
  messageParser(controlMessages);

type MessageOf<Schemas extends Record<string, TSchema>> = {
  [Name in keyof Schemas]: Static<Schemas[Name]>;
}[keyof Schemas];

function messageParser<Schemas extends Record<string, TSchema>>(schemas: Schemas) {
  const checks = new Map(
    Object.entries(schemas).map(([name, schema]) => [name, Compile(schema)] as const),
  );
  return (body: Buffer): MessageOf<Schemas> | undefined => {
    const message = parseJson(body);
    const name = message['type'];
    if (typeof name !== 'string') throw new ProtocolError('a message without a type');
    const check = checks.get(name);
    if (check === undefined) return undefined;
    if (!check.Check(message)) {
      const [fault] = check.Errors(message);
      // Where, never what: a body may hold keys.
      throw new ProtocolError(`message ${name}: ${fault?.instancePath || '/'} is not as agreed`);
    }
    return message as MessageOf<Schemas>;
  };
}

function parseJson(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below: the parser's own words quote the body.
  }
  throw new ProtocolError('a message that is no JSON object');
}

import Type from 'typebox';
import type { GatewayEventType } from '../../shared/events.js';
import type {
  ApiId,
  CertificateId,
  HttpsRedirectStatusCode,
  KeyAlgorithm,
  KeyId,
  NodeId,
  PluginId,
} from '../../shared/gateway-model.js';

/**
 * The wire form of every event's data in its current version. A form that was ever written stays
 * readable: a change here needs a new version in `event-versions.ts` and an upcaster to it.
 */
const strict = { additionalProperties: false };
const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';
// The pattern is the check behind each brand.
const uuid = <Id extends string>() => Type.Unsafe<Id>(Type.String({ pattern: uuidPattern }));
const epochMs = Type.Integer({ minimum: -8.64e15, maximum: 8.64e15 });

const api = Type.Object(
  {
    id: uuid<ApiId>(),
    createdAt: epochMs,
    name: Type.String(),
    requestHost: Type.Optional(Type.String()),
    requestPath: Type.Optional(Type.String()),
    upstreamUrl: Type.String(),
    stripRequestPath: Type.Boolean(),
    preserveHost: Type.Boolean(),
    // Since version 2.
    upstreamTargets: Type.Optional(
      Type.Array(
        Type.Object(
          {
            host: Type.String(),
            port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
            weight: Type.Integer({ minimum: 1 }),
          },
          strict,
        ),
      ),
    ),
    upstreamCa: Type.Optional(Type.String()),
    upstreamVerify: Type.Optional(Type.Boolean()),
  },
  strict,
);

const plugin = Type.Object(
  {
    id: uuid<PluginId>(),
    name: Type.Literal('ssl'),
    apiId: Type.Optional(uuid<ApiId>()),
    createdAt: epochMs,
    enabled: Type.Boolean(),
    config: Type.Object(
      {
        certificateId: uuid<CertificateId>(),
        onlyHttps: Type.Boolean(),
        acceptHttpIfAlreadyTerminated: Type.Boolean(),
        // Since version 2.
        httpsRedirectStatusCode: Type.Optional(
          Type.Unsafe<HttpsRedirectStatusCode>(Type.Integer({ enum: [301, 302, 307, 308, 426] })),
        ),
        hstsMaxAge: Type.Optional(Type.Integer({ minimum: 0 })),
        hstsIncludeSubdomains: Type.Optional(Type.Boolean()),
        hstsPreload: Type.Optional(Type.Boolean()),
      },
      strict,
    ),
  },
  strict,
);

const certificate = Type.Object(
  {
    id: uuid<CertificateId>(),
    keyId: uuid<KeyId>(),
    chainPem: Type.String(),
    fingerprint256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    names: Type.Array(Type.String()),
    notBefore: epochMs,
    notAfter: epochMs,
    keyAlgorithm: Type.Unsafe<KeyAlgorithm>(
      Type.String({ pattern: '^(rsa-[1-9][0-9]{0,5}|p-256|p-384|p-521|ed25519)$' }),
    ),
  },
  strict,
);

const clusterNode = Type.Object(
  { id: uuid<NodeId>(), name: Type.String(), joinedAt: epochMs },
  strict,
);

const nodeRejection = Type.Object(
  {
    nodeId: uuid<NodeId>(),
    certificateId: uuid<CertificateId>(),
    hosts: Type.Array(Type.String()),
    reason: Type.String(),
  },
  strict,
);

export const eventDataSchemas = {
  LogCreated: Type.Object({ logId: uuid() }, strict),
  ApiAdded: Type.Object({ api }, strict),
  ApiUpdated: Type.Object({ api }, strict),
  ApiDeleted: Type.Object({ apiId: uuid<ApiId>() }, strict),
  PluginAdded: Type.Object({ plugin }, strict),
  PluginUpdated: Type.Object({ plugin }, strict),
  PluginDeleted: Type.Object({ pluginId: uuid<PluginId>() }, strict),
  CertUploaded: Type.Object({ certificate }, strict),
  KeyErased: Type.Object({ certificateId: uuid<CertificateId>(), keyId: uuid<KeyId>() }, strict),
  NodeAdmitted: Type.Object({ node: clusterNode }, strict),
  NodeRevoked: Type.Object({ nodeId: uuid<NodeId>() }, strict),
  RevisionServed: Type.Object(
    {
      revision: Type.Integer({ minimum: 0 }),
      nodeIds: Type.Array(uuid<NodeId>()),
      rejections: Type.Array(nodeRejection),
    },
    strict,
  ),
  NothingChanged: Type.Object({}, strict),
} satisfies Record<GatewayEventType, Type.TSchema>;

const sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** Metadata as stored: the event's own, its version and its place in the hash chain. */
export const storedMetadataSchema = Type.Object(
  {
    actor: Type.String(),
    correlationId: Type.String(),
    hash: sha256Hex,
    idempotency: Type.Optional(Type.Object({ key: Type.String(), request: sha256Hex }, strict)),
    previousHash: sha256Hex,
    time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
    version: Type.Integer({ minimum: 1 }),
  },
  strict,
);

export type StoredMetadata = Type.Static<typeof storedMetadataSchema>;

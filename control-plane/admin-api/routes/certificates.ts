import type { FastifyInstance } from 'fastify';
import type { GatewayEvent } from '../../../shared/events.js';
import type { ApiId, KeyId } from '../../../shared/gateway-model.js';
import { redactPrivateKeys } from '../../../shared/redact.js';
import type { KeyMaterial } from '../../application/key-custody.js';
import { bindCertificate } from '../../domain/decide-bindings.js';
import type { Rejection } from '../../domain/decision.js';
import type { GatewayState } from '../../domain/state.js';
import type { AdminContext } from '../admin-context.js';
import { type CertificateEntry, maxEntries, readEntries } from '../certificate-entries.js';
import { refusalFor } from '../kong-rejections.js';
import { rulesOf } from '../plugin-writes.js';
import { addResource, type Call } from '../resource.js';
import { certificatesAnswerSchema, certificatesSchema } from '../schemas/certificates-schema.js';
import { write } from '../write.js';

/** Far more than an entry has. */
const fieldsPerEntry = 40;

/** Longer than any host. */
const longestShownHost = 300;

/** What became of one host. */
interface EntryResult {
  readonly request_host: string;
  readonly outcome: 'added' | 'replaced' | 'unchanged' | 'refused';
  /** Why it was refused, for programs: of the domain, or `invalid`. */
  readonly code?: Rejection['code'] | 'invalid';
  /** The same for people. */
  readonly reason?: string;
  readonly warnings?: readonly string[];
}

/** Certificates of many hosts with one request: for imports, and for whoever renews by the hundred. */
export function addCertificatesRoute(server: FastifyInstance, admin: AdminContext): void {
  addResource(server, {
    path: '/certificates',
    problems: true,
    maxFields: maxEntries * fieldsPerEntry,
    operations: {
      POST: {
        schema: {
          summary: 'Bind certificates to many hosts',
          body: certificatesSchema,
          response: { 200: certificatesAnswerSchema },
        },
        handle: (call) => bindAll(admin, call),
      },
    },
  });
}

function bindAll(admin: AdminContext, call: Call): Promise<void> {
  const entries = readEntries(call.parameters, rulesOf(admin, call));
  const sound = entries.filter((entry) => 'binding' in entry);
  if (sound.length < entries.length) {
    const refused = entries.length - sound.length;
    admin.noteRefused(call.request, { refused, of: entries.length });
  }
  const keys = new Map<KeyId, KeyMaterial>(sound.flatMap((entry) => [...entry.keys]));
  const results = (events: readonly GatewayEvent[], after: GatewayState) => ({
    results: entries.map((entry) => resultOf(entry, events, after)),
  });
  return write({
    admin,
    ...call,
    plan: () => ({
      command: { type: 'BindCertificates', bindings: sound.map(({ binding }) => binding) },
      keys,
      subject: 'everything',
    }),
    answersFromState: true,
    report: results,
    answer: (events, after) => ({ status: 200, body: results(events, after) }),
  });
}

function resultOf(
  entry: CertificateEntry,
  events: readonly GatewayEvent[],
  after: GatewayState,
): EntryResult {
  const { requestHost: request_host } = entry;
  if ('reason' in entry) {
    // Both repeat what was sent: a key in the wrong place is not repeated, nor a name without end.
    const reason = redactPrivateKeys(entry.reason);
    const host = redactPrivateKeys(request_host).slice(0, longestShownHost);
    return { request_host: host, outcome: 'refused', code: 'invalid', reason };
  }
  const { warnings } = entry;
  const bound = pluginEventOf(after.apiIdByHost.get(request_host.toLowerCase()), events);
  if (bound !== undefined) {
    const outcome = bound === 'PluginAdded' ? 'added' : 'replaced';
    return { request_host, outcome, ...(warnings.length > 0 && { warnings }) };
  }
  // It left no event: because nothing was to change, or because it was refused, as it would be again.
  const again = bindCertificate(after, entry.binding);
  if (again.accepted) return { request_host, outcome: 'unchanged' };
  const refused = { request_host, outcome: 'refused' } as const;
  return { ...refused, code: again.rejection.code, reason: wordsFor(again.rejection) };
}

function pluginEventOf(apiId: ApiId | undefined, events: readonly GatewayEvent[]) {
  for (const { type, data } of events) {
    if (type !== 'PluginAdded' && type !== 'PluginUpdated') continue;
    if (data.plugin.apiId === apiId) return type;
  }
  return undefined;
}

function wordsFor(rejection: Rejection): string {
  if (rejection.code === 'api-not-found') {
    return 'no API has this request_host: add one, or say in api what to add';
  }
  const { body = {} } = refusalFor(rejection);
  return Object.entries(body)
    .map(([field, words]) => (field === 'message' ? words : `${field}: ${words}`))
    .join('; ');
}

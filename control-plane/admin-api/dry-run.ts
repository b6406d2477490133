import type { GatewayEvent } from '../../shared/events.js';
import type { CertificateId } from '../../shared/gateway-model.js';
import { bindingChanges } from '../domain/bindings.js';
import { decide } from '../domain/decide.js';
import { evolve } from '../domain/evolve.js';
import type { GatewayState } from '../domain/state.js';
import { refusalFor } from './kong-rejections.js';
import { presentEvent } from './present-event.js';
import type { PlannedWrite, Write } from './write.js';

interface BoundCertificate {
  readonly certificate_id: string;
  readonly fingerprint256: string;
}

/** What a write would do; nothing of it is recorded, and no key is kept. */
export interface DryRunReport {
  readonly dry_run: true;
  readonly accepted: boolean;
  /** The refusal that the write would get. */
  readonly refusal?: { readonly status: number; readonly body?: object };
  readonly events: readonly object[];
  /** Hosts whose certificate would differ; null stands for the default certificate. */
  readonly bindings: readonly {
    readonly request_host: string;
    readonly before: BoundCertificate | null;
    readonly after: BoundCertificate | null;
  }[];
  /** Unique values that another API holds. */
  readonly collisions: readonly { readonly field: string; readonly value: string }[];
  /** Hosts that would fall back to the default certificate. */
  readonly hosts_losing_cover: readonly string[];
  readonly warnings: readonly string[];
}

/** Decides on a fork of the state. @param isMet whether `If-Match`, if it was given, matches it */
export function dryRun(
  state: GatewayState,
  { command, warnings = [] }: PlannedWrite,
  isMet: boolean,
  { refuse = refusalFor, report }: Pick<Write, 'refuse' | 'report'> = {},
): DryRunReport {
  const decision = isMet ? decide(state, command) : unmet;
  if (!decision.accepted) {
    const { rejection } = decision;
    const { status, body } = refuse(rejection);
    const conflicts = rejection.code === 'already-exists' ? rejection.conflicts : [];
    return {
      dry_run: true,
      accepted: false,
      refusal: { status, ...(body !== undefined && { body }) },
      events: [],
      bindings: [],
      collisions: conflicts.map(({ field, value }) => ({ field, value })),
      hosts_losing_cover: [],
      warnings,
    };
  }
  const { events } = decision;
  const after = events.reduce(evolve, state);
  const bindings = bindingChanges(state, after, events).map((change) => ({
    request_host: change.requestHost,
    before: boundCertificate(state, change.before),
    after: boundCertificate(after, change.after),
  }));
  return {
    dry_run: true,
    accepted: true,
    events: events.map((event: GatewayEvent) => presentEvent(event)),
    bindings,
    collisions: [],
    hosts_losing_cover: bindings.flatMap((each) =>
      each.after === null ? [each.request_host] : [],
    ),
    warnings,
    ...report?.(events, after),
  };
}

const unmet = { accepted: false, rejection: { code: 'precondition-failed' } } as const;

function boundCertificate(
  state: GatewayState,
  id: CertificateId | undefined,
): BoundCertificate | null {
  const certificate = id === undefined ? undefined : state.certificates.get(id);
  if (certificate === undefined) return null;
  return { certificate_id: certificate.id, fingerprint256: certificate.fingerprint256 };
}

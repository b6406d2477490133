import type { FastifyRequest } from 'fastify';
import type { GatewayEvent } from '../../shared/events.js';
import type { CertificateId } from '../../shared/gateway-model.js';
import type { Logger } from '../../shared/logger.js';
import type { Revision } from '../../shared/revision.js';
import type { CommandHandler } from '../application/command-handler.js';
import type { FoldedLog } from '../application/folded-log.js';
import type { Command } from '../domain/commands.js';
import type { GatewayState } from '../domain/state.js';
import type { Clock } from '../ports/clock.js';
import type { EventLog } from '../ports/event-log.js';
import type { WhenApplied } from './wait-applied.js';

/** Connection counters for `GET /status`, by Kong's names; whoever knows the nodes provides them. */
export interface ConnectionCounters {
  readonly connections_active: number;
  readonly connections_reading: number;
  readonly connections_writing: number;
  readonly connections_waiting: number;
  readonly connections_accepted: number;
  readonly connections_handled: number;
  readonly total_requests: number;
}

/** What the routes of the admin API work with. */
export interface AdminContext {
  readonly folded: FoldedLog;
  readonly handler: CommandHandler;
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `signet/<version>`. */
  readonly product: string;
  /** Whether `ssl` exists. */
  readonly pluginsAvailable: readonly string[];
  readonly allowExpiredCertificates: boolean;
  readonly connectionCounters: () => ConnectionCounters;
  /** Lets a write wait until the nodes serve it; absent where there are none to wait for. */
  readonly whenApplied?: WhenApplied;
  /** The configuration as it was after a revision; may take a replay of the log. */
  readonly stateAt: (revision: Revision) => Promise<GatewayState>;
  /** The upload of a certificate, also of one that is gone, for answers that are repeated. */
  readonly uploadOf?: (id: CertificateId) => Promise<GatewayEvent | undefined>;
  /** Who is calling, for the event's metadata. @throws Refusal if nobody who may. */
  readonly identify: (request: FastifyRequest) => string | Promise<string>;
  /** Whether the caller may carry out what its request turned out to be. */
  readonly mayCarryOut: (request: FastifyRequest, command: Command, state: GatewayState) => boolean;
  /** Says that of a request which is answered as done some entries were refused: they have their price. */
  readonly noteRefused: (request: FastifyRequest, entries: RefusedEntries) => void;
}

export interface RefusedEntries {
  readonly refused: number;
  readonly of: number;
}

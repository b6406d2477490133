import { Server, type TlsOptions } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import type { ListenAddress } from '../../shared/listen-address.js';
import type { Logger } from '../../shared/logger.js';
import type { AdminContext } from '../admin-api/admin-context.js';
import type { Clock } from '../ports/clock.js';
import { AccessStore } from './access-store.js';
import { type AdminTlsFiles, loadAdminTls, watchAdminTls } from './admin-tls.js';
import { decideAccessMode } from './bind-rule.js';
import { mayCarryOut } from './command-scope.js';
import { limitConnections } from './connection-limiter.js';
import type { GrantLog } from './grant-log.js';
import { type AccessOptions, guardAdminApi, noteRefused, principalOf } from './guard.js';
import { addSessionRoute } from './session-routes.js';
import { addTokenRoutes } from './token-routes.js';

export interface AdminAccessOptions extends Pick<AccessOptions, 'requestHostOf'> {
  readonly grantLog: GrantLog;
  readonly listen: ListenAddress;
  /** Absent: plain HTTP. */
  readonly tlsFiles: AdminTlsFiles | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who may use the admin API, and over what. */
export interface AdminAccess {
  /** For the listener; `undefined` for plain HTTP. */
  readonly tls: TlsOptions | undefined;
  /** The first token of all, made just now. Shown to whoever starts the process, and nowhere else. */
  readonly firstToken: string | undefined;
  /** Puts the guard before every route, adds those of the credentials, and renews the certificate. */
  readonly extend: (server: FastifyInstance) => void;
  /** What the routes ask about a caller. */
  readonly callers: Pick<AdminContext, 'identify' | 'mayCarryOut' | 'noteRefused'>;
}

/**
 * Says how the admin API lets callers in.
 * @throws AdminBindError, AdminTlsError with what to do
 */
export async function openAdminAccess(options: AdminAccessOptions): Promise<AdminAccess> {
  const { grantLog, listen, tlsFiles, clock, logger, requestHostOf } = options;
  const tls = tlsFiles && (await loadAdminTls(tlsFiles));
  const store = new AccessStore({ log: grantLog, clock });
  const hasCredentials = store.hasCredentials();
  const mode = decideAccessMode({ address: listen, tls: tls !== undefined, hasCredentials });
  if (mode === 'development') {
    logger.warn(
      {},
      'admin API in development mode: everybody on this machine may change everything; ' +
        "it ends with the first token, 'signet token create'",
    );
  }
  const firstToken =
    mode === 'guarded' && !hasCredentials
      ? await store.issueFirst({ name: 'first', scopes: ['admin'] }, 'system')
      : undefined;
  return {
    tls,
    firstToken,
    extend: (server) => {
      guardAdminApi(server, { store, mode, requestHostOf, clock, logger });
      addTokenRoutes(server, { store, clock, logger });
      addSessionRoute(server);
      limitConnections(server.server);
      const listener = server.server;
      if (tlsFiles === undefined || tls === undefined || !(listener instanceof Server)) return;
      const watching = watchAdminTls(tlsFiles, tls, listener, logger);
      server.addHook('onClose', () => watching.close());
    },
    callers: {
      identify: (request) => principalOf(request).actor,
      mayCarryOut: (request, command, state) =>
        mayCarryOut(principalOf(request).scopes, command, state),
      noteRefused,
    },
  };
}

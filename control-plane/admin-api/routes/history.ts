import type { FastifyInstance } from 'fastify';
import type { AdminContext } from '../admin-context.js';
import { addEventRoutes } from './events.js';
import { addPastRoutes, type PastRoutesOptions } from './past.js';
import { addRollbackRoute } from './rollback.js';

/** What was recorded, what it was like, and the way back. */
export function addHistoryRoutes(
  server: FastifyInstance,
  admin: AdminContext,
  options: PastRoutesOptions,
): void {
  addEventRoutes(server, admin, options.history);
  addPastRoutes(server, admin, options);
  addRollbackRoute(server, admin, options);
}

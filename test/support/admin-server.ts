import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, onTestFinished } from 'vitest';
import { addEventRoutes } from '../../control-plane/admin-api/routes/events.js';
import { addPastRoutes } from '../../control-plane/admin-api/routes/past.js';
import { addRollbackRoute } from '../../control-plane/admin-api/routes/rollback.js';
import {
  type AdminServerOptions,
  createAdminServer,
} from '../../control-plane/admin-api/server.js';
import { PastStates } from '../../control-plane/application/past-states.js';
import { History } from '../../control-plane/projections/history.js';
import { adminDefaults } from './admin-defaults.js';
import {
  type AtEnd,
  openStores,
  type Stores,
  silentLogger,
  startControlPlane,
} from './control-plane.js';
import { temporaryDirectory } from './temporary-directory.js';

export interface AdminUnderTest {
  readonly url: string;
  readonly plane: Awaited<ReturnType<typeof startControlPlane>>;
  /** Sends JSON, or a FormData or URLSearchParams body as it is. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Got>;
  close(): Promise<void>;
}

export interface Got {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, `undefined` if there is none. */
  readonly json: Json;
}

/** Enough of a type to look into answers; what is not there fails an expectation. */
export interface Json {
  readonly [name: string]: Json;
}

/** An admin server on a free loopback port, over stores of its own unless given. */
export async function startAdmin(
  overrides: Partial<AdminServerOptions> = {},
  stores?: Stores,
): Promise<AdminUnderTest> {
  const directory = await temporaryDirectory();
  return start(directory, overrides, stores ?? (await openStores(directory)), onTestFinished);
}

/** One admin server for all tests of a `describe`; each finds it without APIs. */
export function sharedAdmin(): () => AdminUnderTest {
  const cleanUps: (() => Promise<void>)[] = [];
  let admin: AdminUnderTest | undefined;
  beforeAll(async () => {
    const atEnd: AtEnd = (cleanUp) => void cleanUps.unshift(cleanUp);
    const directory = await mkdtemp(join(tmpdir(), 'signet-test-'));
    atEnd(() => rm(directory, { recursive: true, force: true }));
    admin = await start(directory, {}, await openStores(directory, atEnd), atEnd);
  });
  afterEach(async () => {
    const ids = [...(admin?.plane.folded.state.apis.keys() ?? [])];
    for (const id of ids) await admin?.send('DELETE', `/apis/${id}`);
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });
  return () => {
    if (admin === undefined) throw new Error('the shared admin server is not up');
    return admin;
  };
}

async function start(
  directory: string,
  overrides: Partial<AdminServerOptions>,
  stores: Stores,
  atEnd: AtEnd,
): Promise<AdminUnderTest> {
  const clock = overrides.clock ?? Date.now;
  const plane = await startControlPlane(stores, clock);
  const history = new History({
    path: join(directory, `history-${randomUUID()}.db`),
    log: plane.log,
    control: plane.folded,
    logger: silentLogger,
  });
  const pastStates = new PastStates(plane.log, plane.folded);
  const past = { history, pastStates };
  const server = await createAdminServer({
    ...adminDefaults,
    ...plane,
    clock,
    logger: silentLogger,
    stateAt: (revision) => pastStates.at(revision),
    uploadOf: (id) => history.upload(id),
    extensions: [
      (each, admin) => addEventRoutes(each, admin, history),
      (each, admin) => addPastRoutes(each, admin, past),
      (each, admin) => addRollbackRoute(each, admin, past),
    ],
    ...overrides,
  });
  const { port } = await server.listen();
  const url = `http://127.0.0.1:${port}`;
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= server.close().then(() => history.close());
    return closing;
  };
  atEnd(close);
  return {
    url,
    plane,
    close,
    async send(method, path, body, headers = {}) {
      const isForm = body instanceof FormData || body instanceof URLSearchParams;
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(body !== undefined && !isForm && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && {
          body: isForm || typeof body === 'string' ? body : JSON.stringify(body),
        }),
      });
      const text = await response.text();
      const json: Json = text === '' ? undefined : JSON.parse(text);
      return { status: response.status, headers: response.headers, text, json };
    },
  };
}

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../shared/logger.js';
import type { RefusedEntries } from '../admin-api/admin-context.js';
import type { Clock } from '../ports/clock.js';
import type { AccessStore, Verdict } from './access-store.js';
import type { AccessMode } from './bind-rule.js';
import { clientCertificateFingerprint } from './client-certificate.js';
import { type Credential, developmentActor } from './credential.js';
import { GuessLimiter, type GuessLimits, toNetwork } from './guess-limiter.js';
import { concernsCertificates, namesHostsInBody, requirementOf } from './needed-scope.js';
import { OpenRequests } from './open-requests.js';
import { isFromTrustedPage, isLoopbackHost } from './origin.js';
import { Refusal } from './refusal.js';
import { RefusalPace, type RefusalPaceOptions } from './refusal-pace.js';
import { RequestLimiter, type RequestLimits } from './request-limiter.js';
import { coversHost, isGranted, isLimitedToHosts, type Scope } from './scope.js';
import { parseToken } from './token.js';

/** Who sends a request. */
export interface Principal {
  /** What events name as their actor. */
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

export interface AccessOptions {
  readonly store: AccessStore;
  /** As `decideAccessMode` said at start. */
  readonly mode: AccessMode;
  /** `request_host` of the API with this name or id. */
  readonly requestHostOf: (nameOrId: string) => string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guessLimits?: GuessLimits;
  /** Of known callers. */
  readonly requestLimits?: RequestLimits;
  readonly refusalPace?: RefusalPaceOptions;
}

/** Of one network without a credential: health checks and the console's files need no more. */
const strangerLimits: RequestLimits = { perSecond: 20, burst: 200, concurrentPerCaller: 64 };

const nobody: Principal = { actor: 'nobody', scopes: [] };
const developer: Principal = { actor: developmentActor, scopes: ['admin'] };
/** What no working client goes on sending, unlike requests that meet a 404, a 409 or a 412. */
const badRequest: ReadonlySet<number> = new Set([400, 413, 415, 422]);
const tokenNeeded = 'A token is needed: Authorization: Bearer TOKEN';
const changing = ['POST', 'PUT', 'PATCH', 'DELETE'];

const principals = new WeakMap<FastifyRequest, Principal>();
const refusedEntries = new WeakMap<FastifyRequest, RefusedEntries>();

/** Who sends a request that the guard has admitted; without scopes where none were needed. */
export function principalOf(request: FastifyRequest): Principal {
  return principals.get(request) ?? nobody;
}

/** Entries of a request that is not refused itself count as bad requests all the same. */
export function noteRefused(request: FastifyRequest, entries: RefusedEntries): void {
  refusedEntries.set(request, entries);
}

/**
 * Puts a guard before every route of the admin API, those registered later included. It judges a
 * request by its head alone: nobody without a right to it has a body read.
 */
export function guardAdminApi(app: FastifyInstance, options: AccessOptions): void {
  const guard = new Guard(options);
  app.addHook('onRequest', async (request, reply) => {
    // What was read together with the request that the connection was closed for.
    if (request.raw.socket.destroyed) return reply.hijack();
    try {
      guard.admit(request, reply);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      await untilDue(guard.holdMs(), reply);
      return refuse(request, reply, error);
    }
    return undefined;
  });
  app.addHook('onClose', () => guard.close());
}

/** Or until the caller has gone: floods that do not wait for answers are not remembered either. */
function untilDue(holdMs: number, { raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    if (holdMs === 0) return resolve();
    const end = () => {
      clearTimeout(timer);
      raw.off('close', end);
      resolve();
    };
    const timer = setTimeout(end, holdMs);
    raw.once('close', end);
  });
}

function refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  // The rest of a body that nobody reads would otherwise keep the connection busy.
  if (changing.includes(request.method)) reply.header('connection', 'close');
  return reply.code(refusal.status).headers(refusal.headers).send({ message: refusal.message });
}

class Guard {
  readonly #options: AccessOptions;
  readonly #guesses: GuessLimiter;
  readonly #requests: RequestLimiter;
  readonly #strangers: RequestLimiter;
  readonly #refusals: RefusalPace;
  readonly #open: OpenRequests;
  readonly #stopListening: () => void;
  #mode: AccessMode;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#mode = options.mode;
    this.#guesses = new GuessLimiter(options.clock, options.guessLimits);
    this.#requests = new RequestLimiter(options.clock, options.requestLimits);
    this.#strangers = new RequestLimiter(options.clock, strangerLimits);
    this.#refusals = new RefusalPace(options.clock, options.refusalPace);
    this.#open = new OpenRequests();
    this.#stopListening = options.store.onChange(() => this.#open.review());
  }

  close(): void {
    this.#stopListening();
    this.#open.close();
  }

  /** How long the answer of one more refusal waits. */
  holdMs(): number {
    return this.#refusals.next();
  }

  /** @throws Refusal */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#isDevelopment()) {
      this.#checkDeveloper(request);
      limit(this.#requests, developmentActor, request, reply);
      this.#open.add(reply.raw, () => this.#isDevelopment());
      principals.set(request, developer);
      return;
    }
    const requirement = requirementOf(request.method, request.routeOptions.url);
    if (requirement === 'nothing') {
      limit(this.#strangers, toNetwork(request.ip), request, reply);
      return;
    }
    const credential = this.#authenticate(request);
    limit(this.#requests, credential.id, request, reply);
    if (!isGranted(credential.scopes, requirement) && !this.#coversApi(credential, request)) {
      throw Refusal.insufficientScope(
        `'${credential.name}' lacks the scope ${requirement.join(' or ')}`,
      );
    }
    this.#open.add(reply.raw, () => this.#options.store.isValid(credential.id));
    principals.set(request, { actor: credential.name, scopes: credential.scopes });
  }

  /** The first credential, made by whatever process, ends development mode for good. */
  #isDevelopment(): boolean {
    if (this.#mode === 'development' && this.#options.store.hasCredentials()) {
      this.#mode = 'guarded';
      this.#options.logger.info({}, 'a credential exists: the admin API now asks for one');
    }
    return this.#mode === 'development';
  }

  #checkDeveloper(request: FastifyRequest): void {
    if (!isLoopbackHost(request.headers.host)) {
      throw Refusal.forbidden(
        'Without tokens the admin API serves only this machine, by the name localhost or its address',
      );
    }
    checkPage(request);
  }

  #authenticate(request: FastifyRequest): Credential {
    const { authorization } = request.headers;
    return authorization === undefined
      ? this.#credentialOfCertificate(request)
      : this.#credentialOfToken(authorization, request.ip);
  }

  #credentialOfCertificate({ raw, ip, method, headers }: FastifyRequest): Credential {
    const { store, clock } = this.#options;
    const fingerprint = clientCertificateFingerprint(raw.socket, clock());
    if (fingerprint === undefined) throw Refusal.credentialNeeded(tokenNeeded);
    const verdict = store.verifyCertificate(fingerprint);
    if (verdict.status !== 'valid') {
      throw Refusal.credentialNeeded(this.#noteInvalid(verdict, ip, 'client certificate'));
    }
    checkPage({ method, headers });
    return verdict.credential;
  }

  #credentialOfToken(authorization: string, ip: string): Credential {
    const lockedMs = this.#guesses.lockedForMs(ip);
    if (lockedMs > 0) throw Refusal.tooMany('Too many wrong tokens from this address', lockedMs);
    if (!/^Bearer /i.test(authorization)) throw Refusal.credentialNeeded(tokenNeeded);
    const presented = parseBearer(authorization);
    const verdict: Verdict =
      presented === undefined ? { status: 'unknown' } : this.#options.store.verifyToken(presented);
    if (verdict.status === 'valid') return verdict.credential;
    if (verdict.status === 'unknown') this.#guesses.wrong(ip);
    throw Refusal.invalidToken(this.#noteInvalid(verdict, ip, 'token'));
  }

  /** @returns what to answer: the name of a credential only to who has its secret. */
  #noteInvalid(verdict: Exclude<Verdict, { status: 'valid' }>, address: string, kind: string) {
    const { logger } = this.#options;
    if (verdict.status === 'unknown') {
      logger.warn({ address }, `admin API: unknown ${kind} refused`);
      return `The ${kind} is unknown or expired`;
    }
    const { name } = verdict.credential;
    logger.warn({ address, credential: name }, `admin API: ${verdict.status} credential`);
    return `The credential '${name}' is ${verdict.status}`;
  }

  #coversApi({ scopes }: Credential, request: FastifyRequest): boolean {
    const { url: pattern } = request.routeOptions;
    if (namesHostsInBody(request.method, pattern)) return isLimitedToHosts(scopes);
    if (!concernsCertificates(request.method, pattern)) return false;
    const [nameOrId] = Object.values(request.params as Readonly<Record<string, string>>);
    return nameOrId !== undefined && coversHost(scopes, this.#options.requestHostOf(nameOrId));
  }
}

/** @throws Refusal */
function limit(
  limiter: RequestLimiter,
  caller: string,
  request: FastifyRequest,
  { raw }: FastifyReply,
): void {
  const announced = bodyBytes(request);
  const admission = limiter.admit(caller, announced);
  if (!admission.admitted) {
    throw Refusal.tooMany(`At most ${admission.limit}`, admission.retryAfterMs);
  }
  const { socket } = request.raw;
  const before = socket.bytesRead;
  raw.once('close', () => {
    admission.release();
    const bad = badRequest.has(raw.statusCode)
      ? { refused: 1, of: 1 }
      : refusedEntries.get(request);
    if (bad === undefined) return;
    const bytes = announced ?? socket.bytesRead - before;
    limiter.chargeBadRequest(caller, (bytes * bad.refused) / bad.of, bad.refused);
  });
}

function checkPage({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>): void {
  const { host, origin, 'sec-fetch-site': fetchSite } = headers;
  if (!changing.includes(method)) return;
  if (!isFromTrustedPage({ host, origin, fetchSite: fetchSite?.toString() })) {
    throw Refusal.forbidden('Changes from a web page of another site need a token');
  }
}

function parseBearer(header: string) {
  const [, token] = /^Bearer +([^ ]+)$/i.exec(header) ?? [];
  return token === undefined ? undefined : parseToken(token);
}

/** What the body may take up in memory; `undefined` if the request does not say. */
function bodyBytes({ headers }: FastifyRequest): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0);
}

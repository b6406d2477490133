import { setTimeout as delay } from 'node:timers/promises';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import {
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  setLogVerbosity,
  status,
} from '@grpc/grpc-js';
import { messages } from './eventstore-double-messages.js';
import { StreamStore } from './eventstore-double-streams.js';

/** What may happen to one append. `written` says whether the store carries it out. */
export type AppendFault =
  /** The server process dies and comes back on the same port. */
  | { readonly kind: 'kill'; readonly written: boolean }
  | { readonly kind: 'silence'; readonly written: boolean }
  | { readonly kind: 'status'; readonly code: status; readonly written: boolean }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Sent to the double's other address, which is the leader from now on. */
  | { readonly kind: 'not-leader' }
  /** Written, then answered as a conflict, as if the client had tried before. */
  | { readonly kind: 'wrong-version' }
  /** The request reaches the store twice. */
  | { readonly kind: 'twice' };

export type ReadFault =
  | { readonly kind: 'status'; readonly code: status; readonly afterEvents: number }
  | { readonly kind: 'silence'; readonly afterEvents: number }
  | { readonly kind: 'kill'; readonly afterEvents: number }
  | { readonly kind: 'slow'; readonly ms: number };

export type SubscriptionBoundary = 'before-confirmation' | 'mid-page' | 'at-caught-up' | 'live';

/** How a subscription is cut at a boundary; `repeat` sends the last event twice and goes on. */
export interface SubscriptionFault {
  readonly at: SubscriptionBoundary;
  readonly how: 'kill' | 'status' | 'clean' | 'silence' | 'repeat';
}

/** Asked for each call; `undefined` lets it pass unharmed. */
export interface FaultPlan {
  append?(): AppendFault | undefined;
  read?(): ReadFault | undefined;
  subscribe?(): SubscriptionFault | undefined;
}

/**
 * Speaks as much of EventStoreDB's gRPC as the adapter uses, over a store in memory, on two loopback
 * ports that stand for two nodes of a cluster, and breaks on purpose.
 */
export class EventStoreDouble {
  readonly store = new StreamStore();
  faults: FaultPlan = {};
  readonly #ports: number[] = [];
  #servers: Server[] = [];
  /** Node that takes writes; `undefined`: every node does. */
  #leader: number | undefined;
  #restarting: Promise<void> | undefined;
  #isStopped = false;

  static async start(): Promise<EventStoreDouble> {
    // A port that is not free yet is tried again; grpc-js would print each try.
    setLogVerbosity(logVerbosity.NONE);
    const double = new EventStoreDouble();
    await double.#listen();
    return double;
  }

  get connectionString(): string {
    return `esdb://127.0.0.1:${this.#ports[0]}?tls=false&keepAliveInterval=10000&keepAliveTimeout=1000`;
  }

  stop(): void {
    this.#isStopped = true;
    for (const server of this.#servers.splice(0)) server.forceShutdown();
  }

  async #listen(): Promise<void> {
    for (const node of [0, 1]) {
      const server = new Server();
      server.addService(streamsGrpc.StreamsService, {
        read: (call: ReadCall) => void this.#read(call),
        append: (call: AppendCall, answer: AppendAnswer) => this.#append(node, call, answer),
        tombstone: (call: TombstoneCall, answer: TombstoneAnswer) => this.#tombstone(call, answer),
      });
      this.#ports[node] = await bind(server, this.#ports[node] ?? 0);
      this.#servers.push(server);
    }
  }

  /** Cuts every connection without a word; the store's memory stands for its disk. */
  #kill(): Promise<void> {
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  /** The ports are free again a moment after the last socket is closed. */
  async #restart(): Promise<void> {
    for (const server of this.#servers.splice(0)) server.forceShutdown();
    while (!this.#isStopped) {
      try {
        return await this.#listen();
      } catch {
        for (const server of this.#servers.splice(0)) server.forceShutdown();
        await delay(5);
      }
    }
  }

  #append(node: number, call: AppendCall, answer: AppendAnswer): void {
    const requests: streamsPb.AppendReq[] = [];
    call.on('data', (request: streamsPb.AppendReq) => requests.push(request));
    call.on('error', () => undefined);
    call.on('end', () => {
      if (this.#leader !== undefined && this.#leader !== node) {
        answer(this.#notLeader(), null);
        return;
      }
      void this.#carryOut(node, messages.toAppend(requests), answer);
    });
  }

  async #carryOut(
    node: number,
    append: ReturnType<typeof messages.toAppend>,
    answer: AppendAnswer,
  ): Promise<void> {
    const fault = append.stream.startsWith('$') ? undefined : this.faults.append?.();
    const write = () => this.store.append(append);
    const reply = () => {
      const outcome = write();
      if (outcome === 'deleted') answer(streamDeleted(append.stream), null);
      else answer(null, messages.appendResponse(outcome, append.expected));
    };
    switch (fault?.kind) {
      case undefined:
        return reply();
      case 'kill':
        if (fault.written) write();
        return this.#kill();
      case 'silence':
        if (fault.written) write();
        return;
      case 'status':
        if (fault.written) write();
        return answer({ code: fault.code, details: 'on purpose' }, null);
      case 'slow':
        await delay(fault.ms);
        return reply();
      case 'not-leader':
        this.#leader = 1 - node;
        return answer(this.#notLeader(), null);
      case 'wrong-version': {
        write();
        const head = this.store.head(append.stream);
        return answer(null, messages.appendResponse({ conflict: head }, append.expected));
      }
      case 'twice':
        write();
        return reply();
    }
  }

  #notLeader() {
    const metadata = new Metadata();
    metadata.set('exception', 'not-leader');
    metadata.set('leader-endpoint-host', '127.0.0.1');
    metadata.set('leader-endpoint-port', String(this.#ports[this.#leader ?? 0]));
    return { code: status.NOT_FOUND, details: 'Leader info available', metadata };
  }

  #tombstone(call: TombstoneCall, answer: TombstoneAnswer): void {
    const stream = messages.streamOf(call.request.getOptions()?.getStreamIdentifier());
    if (this.store.tombstone(stream)) answer(null, new streamsPb.TombstoneResp());
    else answer(streamDeleted(stream), null);
  }

  async #read(call: ReadCall): Promise<void> {
    call.on('error', () => undefined);
    const request = messages.toRead(call.request);
    if (this.store.isDeleted(request.stream)) {
      call.emit('error', streamDeleted(request.stream));
      return;
    }
    await (request.isSubscription ? this.#subscribe(call, request) : this.#page(call, request));
  }

  async #page(call: ReadCall, request: ReadRequest): Promise<void> {
    const events = this.store.read(request);
    if (events === 'not-found') {
      call.write(messages.notFound(request.stream));
      call.end();
      return;
    }
    const fault = request.stream.startsWith('$') ? undefined : this.faults.read?.();
    if (fault?.kind === 'slow') await delay(fault.ms);
    for (const [index, event] of events.entries()) {
      if (fault !== undefined && fault.kind !== 'slow' && fault.afterEvents === index) {
        return this.#cut(call, fault.kind, 'code' in fault ? fault.code : status.CANCELLED);
      }
      if (!(await send(call, messages.readEvent(request.stream, event)))) return;
    }
    call.end();
  }

  async #subscribe(call: ReadCall, request: ReadRequest): Promise<void> {
    const fault = this.faults.subscribe?.();
    const isDue = (at: SubscriptionBoundary) => fault?.at === at && fault.how !== 'repeat';
    const cut = () => this.#cut(call, fault?.how ?? 'clean', status.CANCELLED);
    if (isDue('before-confirmation')) return cut();
    if (!(await send(call, messages.confirmation()))) return;
    let next = request.from;
    let isLive = false;
    while (!call.cancelled) {
      const appended = this.store.nextAppend();
      const events = this.store.read({ ...request, from: next, count: Number.MAX_SAFE_INTEGER });
      for (const event of events === 'not-found' ? [] : events) {
        if (!(await send(call, messages.readEvent(request.stream, event)))) return;
        next = event.revision + 1;
        if (fault?.how === 'repeat' && fault.at === (isLive ? 'live' : 'mid-page')) {
          if (!(await send(call, messages.readEvent(request.stream, event)))) return;
        }
        if (isDue(isLive ? 'live' : 'mid-page')) return cut();
      }
      if (!isLive) {
        isLive = true;
        if (isDue('at-caught-up')) return cut();
        if (!(await send(call, messages.caughtUp()))) return;
      }
      const cancelled = new Promise<void>((resolve) => call.once('cancelled', () => resolve()));
      await Promise.race([appended, cancelled]);
      call.removeAllListeners('cancelled');
    }
  }

  async #cut(
    call: ReadCall,
    how: 'kill' | 'status' | 'clean' | 'silence' | 'repeat',
    code: status,
  ): Promise<void> {
    switch (how) {
      case 'kill':
        return this.#kill();
      case 'status':
        call.emit('error', { code, details: 'on purpose' });
        return;
      case 'clean':
        call.end();
        return;
      case 'silence':
      case 'repeat':
        return;
    }
  }
}

type ReadCall = ServerWritableStream<streamsPb.ReadReq, streamsPb.ReadResp>;
type AppendCall = ServerReadableStream<streamsPb.AppendReq, streamsPb.AppendResp>;
type AppendAnswer = sendUnaryData<streamsPb.AppendResp>;
type TombstoneCall = ServerUnaryCall<streamsPb.TombstoneReq, streamsPb.TombstoneResp>;
type TombstoneAnswer = sendUnaryData<streamsPb.TombstoneResp>;
type ReadRequest = ReturnType<typeof messages.toRead>;

function streamDeleted(stream: string) {
  const metadata = new Metadata();
  metadata.set('exception', 'stream-deleted');
  metadata.set('stream-name', stream);
  return { code: status.FAILED_PRECONDITION, details: 'stream is deleted', metadata };
}

async function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
}

/** Writes with back-pressure; `false` once the client is gone. */
async function send(call: ReadCall, response: streamsPb.ReadResp): Promise<boolean> {
  if (call.cancelled || call.destroyed) return false;
  if (call.write(response)) return true;
  return new Promise((resolve) => {
    const settle = (isThere: boolean) => () => {
      call.off('drain', drained);
      call.off('cancelled', gone);
      resolve(isThere);
    };
    const drained = settle(true);
    const gone = settle(false);
    call.once('drain', drained);
    call.once('cancelled', gone);
  });
}

import type { ClientExchange } from '../client/client-exchange.js';
import type { ResponseHead } from '../upstream/response-head.js';
import {
  type GatewayTrace,
  responseLength,
  withheldLength,
  writeClientResponse,
} from './client-response.js';

/** An upstream's response on its way to the client. */
export class Download {
  readonly #exchange: ClientExchange;
  readonly #toHead: boolean;
  readonly #trace: GatewayTrace;
  readonly head: ResponseHead;
  #hasStarted = false;

  /** @param toHead whether it answers a HEAD. */
  constructor(exchange: ClientExchange, head: ResponseHead, toHead: boolean, trace: GatewayTrace) {
    this.#exchange = exchange;
    this.head = head;
    this.#toHead = toHead;
    this.#trace = trace;
  }

  /** @returns whether the client takes more at once. */
  body(piece: Buffer): boolean {
    if (this.#hasStarted) return this.#exchange.write(piece);
    const { framing } = this.head;
    if (framing.kind === 'length' && piece.length === framing.length) {
      this.#hasStarted = true;
      this.#exchange.respond(this.#start(), piece);
      return true;
    }
    this.#begin();
    return this.#exchange.write(piece);
  }

  /** One read of the upstream is used up and the response is not whole: what there is leaves. */
  flush(): void {
    if (this.#hasStarted) return;
    this.#begin();
    this.#exchange.flushStart();
  }

  complete(): void {
    if (this.#hasStarted) {
      this.#exchange.finish();
    } else if (this.head.framing.kind !== 'none') {
      this.#exchange.respond(this.#start(), '');
    } else {
      this.#exchange.respond(this.#start(withheldLength(this.head, this.#toHead)), undefined);
    }
  }

  #begin(): void {
    this.#hasStarted = true;
    this.#exchange.start(this.#start(), responseLength(this.head));
  }

  #start(withheld?: number) {
    return writeClientResponse(this.head, this.#trace, withheld);
  }
}

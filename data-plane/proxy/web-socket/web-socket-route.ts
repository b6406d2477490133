import type {
  HttpRequest,
  HttpResponse,
  us_socket_context_t,
  WebSocketBehavior,
} from 'uWebSockets.js';
import type { WebSocketSupport } from '../client/downstream.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { ClientSocket, RelayData } from './web-socket-relay.js';

/** A peer that answers no ping for this long is closed; the engine takes 8 to 960 s. */
const idleTimeoutSeconds = 120;

/**
 * The one `ws('/*')` route that an app needs.
 *
 * A route per name would leak a native context per name, so the route is registered on the app's
 * default router alone and the context that its upgrades carry is kept: the ordinary handlers of
 * every name upgrade with it. Until a first upgrade has reached the route there is none, so an app
 * with names of its own must be sent one on its default router before it takes connections: a GET
 * with a `Sec-WebSocket-Key` is enough, whatever is answered.
 */
export class WebSocketRoute implements WebSocketSupport {
  readonly #changed: (change: 1 | -1) => void;
  context: us_socket_context_t | undefined;

  /** @param changed told of each connection that becomes a WebSocket (1) and of its end (-1). */
  constructor(changed: (change: 1 | -1) => void = () => {}) {
    this.#changed = changed;
  }

  upgraded(): void {
    this.#changed(1);
  }

  /** @param handle what answers requests on the app's default router. */
  behavior(
    limits: ProxyLimits,
    handle: (res: HttpResponse, req: HttpRequest) => void,
  ): WebSocketBehavior<RelayData> {
    return {
      maxPayloadLength: limits.maxWebSocketMessageBytes,
      // Unlimited: above a limit the engine drops messages without a word. The relay holds back.
      maxBackpressure: 0,
      idleTimeout: idleTimeoutSeconds,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        this.context = context;
        handle(res, req);
      },
      // The engine's types lack the fragment methods.
      open: (socket) => socket.getUserData().relay.opened(socket as ClientSocket),
      message: (socket, message, isBinary) => socket.getUserData().relay.message(message, isBinary),
      ping: (socket, message) => socket.getUserData().relay.pinged(message),
      pong: (socket, message) => socket.getUserData().relay.ponged(message),
      drain: (socket) => socket.getUserData().relay.clientDrained(),
      close: (socket, code, message) => {
        socket.getUserData().relay.closed(code, message);
        this.#changed(-1);
      },
    };
  }
}

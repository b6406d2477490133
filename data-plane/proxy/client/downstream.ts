import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';

/** What a listener's app knows of WebSockets, see `WebSocketRoute`. */
export interface WebSocketSupport {
  /** The engine's context for upgrades; `undefined` until one has reached the app's route. */
  readonly context: us_socket_context_t | undefined;
  /** The request's connection became a WebSocket: the engine's filter will not report its end. */
  upgraded(): void;
}

/** What a listener knows of the connection that a request came in on. */
export interface Downstream {
  readonly scheme: 'http' | 'https';
  /** Local port of the listener, as clients see it. */
  readonly port: number;
  /**
   * The SNI that chose the connection's certificate, lower case, or `undefined` where the default
   * certificate was shown: the engine tells only names that have a context of their own.
   */
  readonly serverName: string | undefined;
  /**
   * The address of every client that is connected to the listener now, where they have one in common;
   * without it the engine is asked for each request's.
   */
  readonly solePeer?: { readonly address: string | undefined };
  /** Whether the connection's listener was replaced: it is then closed after the answer. */
  readonly isDraining?: () => boolean;
  /** Absent: WebSocket handshakes are refused. */
  readonly webSocket?: WebSocketSupport;
}

/**
 * Answers one request. Registered by the listeners with `any('/*')`; never throws, and owns the
 * response from the first statement on (`onAborted` included).
 */
export type GatewayHandler = (res: HttpResponse, req: HttpRequest, downstream: Downstream) => void;

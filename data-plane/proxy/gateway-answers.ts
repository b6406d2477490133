import { withoutPort } from '../routing/route-table.js';
import type { RequestHead } from './client/request-head.js';
import type { FieldLines } from './field-lines.js';
import { statusText } from './forwarding/client-response.js';
import { type ProxyError, statusOf } from './proxy-error.js';

/** A whole answer that the gateway gives by itself. */
export interface GatewayAnswer {
  /** `404 Not Found`. */
  readonly status: string;
  readonly lines: FieldLines;
  readonly body: string;
}

const json = 'application/json; charset=utf-8';

/** Texts of Kong's error pages; the rest says what RFC 9110 calls the status. */
const messages: Readonly<Record<number, string>> = {
  400: 'Bad request',
  421: 'Misdirected request: the server name of the connection belongs to another host',
  426: 'Please use HTTPS protocol',
  500: 'An unexpected error occurred',
  502: 'An invalid response was received from the upstream server',
  503: 'The upstream server is currently unavailable',
  504: 'The upstream server is timing out',
  508: 'The request came back to this gateway too often',
};

/** The answers that the gateway gives without an upstream, as Kong 0.9 gives them. */
export class GatewayAnswers {
  readonly #server: string;

  /** @param server `signet/1.2.3`. */
  constructor(server: string) {
    this.#server = server;
  }

  /** No API for host and path (Kong's words and fields). */
  notFound(head: RequestHead): GatewayAnswer {
    const body = JSON.stringify({
      message: 'API not found with these values',
      request_host: [head.host.text, ...head.fields.hostOverrides.map(withoutPort)],
      request_path: head.path,
    });
    return this.#json(404, body);
  }

  /** Plain HTTP for an API that wants HTTPS (RFC 9110 §15.5.22 asks for `Upgrade`). */
  httpsRequired(): GatewayAnswer {
    return this.#message(426, '\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1');
  }

  /** The same for an API that sends clients to HTTPS. */
  redirectToHttps(status: number, location: string): GatewayAnswer {
    const body = JSON.stringify({ message: messages[426] });
    return this.#json(status, body, `\r\nLocation: ${location}`);
  }

  misdirected(): GatewayAnswer {
    return this.#message(421);
  }

  /** @param reason what is wrong with the request, in our words. */
  refused(reason: string): GatewayAnswer {
    return this.#json(400, JSON.stringify({ message: `${messages[400]}: ${reason}` }));
  }

  /**
   * An error of the exchange: Kong's text in the form that `accept` asks for first. Where any form will do, as
   * to curl and most clients, that is JSON; Kong's was bare text.
   */
  failed(error: ProxyError, accept: string): GatewayAnswer {
    const status = statusOf(error);
    const message = messages[status] ?? messages[500] ?? '';
    const lines = `\r\nProxy-Status: ${this.#server.split('/', 1)[0]}; error=${error.kind}`;
    if (accept.includes('text/html')) {
      const page = `<html><head><title>${status}</title></head><body><h1>${status}</h1><p>${message}.</p></body></html>\n`;
      return this.#answer(status, 'text/html; charset=utf-8', page, lines);
    }
    if (accept.includes('application/json')) return this.#message(status, lines);
    if (accept.includes('application/xml')) {
      const page = `<?xml version="1.0" encoding="UTF-8"?>\n<error><message>${message}</message></error>\n`;
      return this.#answer(status, 'application/xml; charset=utf-8', page, lines);
    }
    if (accept.includes('*/*')) return this.#message(status, lines);
    return this.#answer(status, 'text/plain; charset=utf-8', `${message}\n`, lines);
  }

  #message(status: number, lines: FieldLines = ''): GatewayAnswer {
    return this.#json(
      status,
      JSON.stringify({ message: messages[status] ?? messages[500] }),
      lines,
    );
  }

  #json(status: number, body: string, lines: FieldLines = ''): GatewayAnswer {
    return this.#answer(status, json, body, lines);
  }

  #answer(status: number, type: string, body: string, lines: FieldLines): GatewayAnswer {
    return {
      status: statusText(status, ''),
      lines: `${lines}\r\nContent-Type: ${type}\r\nServer: ${this.#server}`,
      body,
    };
  }
}

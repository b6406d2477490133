import type { ProxyError } from '../proxy-error.js';
import type { ProxyLimits } from '../proxy-limits.js';
import type { BodyReader } from './body-reader.js';
import type { BodyWriter } from './body-writer.js';

/** What is to be said of a client that let a direction rest for longer than it may; `undefined`: it did not. */
export function stallOf(
  reader: BodyReader | undefined,
  writer: BodyWriter | undefined,
  limits: ProxyLimits,
  now: number,
): ProxyError | undefined {
  if (reader?.isReading === true && reader.silentMs(now) > limits.clientReadTimeoutMs) {
    return clientTimeout('send-request', 'the client stopped sending its body');
  }
  if (writer?.isBlocked === true && writer.silentMs(now) > limits.clientWriteTimeoutMs) {
    return clientTimeout('send-response', 'the client stopped taking the response');
  }
  return undefined;
}

function clientTimeout(phase: 'send-request' | 'send-response', detail: string): ProxyError {
  return { source: 'downstream', phase, kind: 'client_timeout', requestSent: true, detail };
}

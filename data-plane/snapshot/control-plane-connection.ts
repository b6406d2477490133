import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { controlPlaneName, protocolName } from '../../shared/snapshot-protocol.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly caPem: string;
  /** Absent in a node that has not joined yet. */
  readonly pair?: { readonly certificatePem: string; readonly keyPem: string };
}

/** How long to wait for a control plane that says nothing, at most. */
export const longestSilenceMs = 10_000;

/**
 * Connects to a control plane over TLS 1.3 and makes sure that it is one: its certificate comes from
 * the cluster's CA, is for servers, and carries the control planes' name. Rejects if it is not.
 */
export async function connectTls(
  address: Address,
  { caPem, pair }: Credentials,
  signal: AbortSignal,
  timeoutMs = longestSilenceMs,
): Promise<TLSSocket> {
  return handshake(
    address,
    { signal, timeoutMs },
    {
      ca: caPem,
      servername: controlPlaneName,
      ...(pair ? { cert: pair.certificatePem, key: pair.keyPem } : {}),
    },
  );
}

/** Connects to whoever is there, to look at the certificates it shows. Nothing may be sent on it. */
export function connectUnverified(address: Address, signal: AbortSignal): Promise<TLSSocket> {
  const options = { servername: controlPlaneName, rejectUnauthorized: false };
  return handshake(address, { signal, timeoutMs: longestSilenceMs }, options);
}

async function handshake(
  { host, port }: Address,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
  options: ConnectionOptions,
): Promise<TLSSocket> {
  const socket = connect({
    host,
    port,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [protocolName],
    ...options,
  });
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, limit]) });
    return socket;
  } catch (error) {
    socket.on('error', () => {}); // The reason is on its way to the caller already.
    socket.destroy();
    throw limit.aborted ? new Error(`no handshake within ${timeoutMs} ms`) : error;
  }
}

import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { GatewayError } from '../../shared/errors.js';
import { frameSocket } from '../../shared/frame-socket.js';
import { type JoinToken, parseJoinToken } from '../../shared/join-token.js';
import {
  encodeMessage,
  maxControlMessageBytes,
  parseControlMessage,
} from '../../shared/snapshot-protocol.js';
import { type Address, connectTls, connectUnverified } from './control-plane-connection.js';
import { type Connected, firstToConnect } from './first-to-connect.js';
import {
  createCertificateRequest,
  type NodeIdentity,
  nodeIdOf,
  readIdentity,
  writeIdentity,
} from './node-identity.js';

/** The control plane did not let this node in, or is not the one that the token is of. */
export class JoinRefusedError extends GatewayError {
  readonly code = 'SIGNET_JOIN_REFUSED';
}

export interface JoinClusterOptions {
  readonly dataDirectory: string;
  readonly addresses: readonly Address[];
  /** As `signet node token` printed it. Spent by this; not asked for by a node that has joined. */
  readonly token: string;
  readonly nodeName: string;
  readonly signal?: AbortSignal;
}

/**
 * Makes this node a member of a cluster: its own key, a certificate from the cluster's CA, both kept
 * in the data directory. The token's secret is sent only to a server that the CA named in the token
 * has certified. A node that has joined before keeps its identity, and the token stays unspent.
 * @throws JoinRefusedError
 */
export async function joinCluster(options: JoinClusterOptions): Promise<NodeIdentity> {
  const known = await readIdentity(options.dataDirectory);
  if (known) return known;
  const token = tokenOf(options);
  const { dataDirectory, addresses, signal = new AbortController().signal } = options;
  let failure: unknown = new JoinRefusedError('no control plane address was given');
  const untried = new Set(addresses);
  for (;;) {
    const connected = await firstToConnect(untried, {
      connect: connectUnverified,
      failed(address, error) {
        untried.delete(address);
        failure = error;
      },
      signal,
    });
    if (connected === undefined) throw failure;
    untried.delete(connected.address);
    try {
      const identity = await joinAt(connected, token, { ...options, signal });
      await writeIdentity(dataDirectory, identity);
      return identity;
    } catch (error) {
      failure = error;
    }
  }
}

function tokenOf({ token }: JoinClusterOptions): JoinToken {
  if (token === '') {
    throw new JoinRefusedError(
      "this node has not joined yet: print a token with 'signet node token', where its control plane is, and give it in SIGNET_JOIN_TOKEN or join_token_path",
    );
  }
  const parsed = parseJoinToken(token);
  if (parsed === undefined) {
    throw new JoinRefusedError("the join token is not as 'signet node token' prints it");
  }
  return parsed;
}

async function joinAt(
  unverified: Connected,
  token: JoinToken,
  options: JoinClusterOptions & { readonly signal: AbortSignal },
): Promise<NodeIdentity> {
  const { nodeName, signal } = options;
  const caPem = clusterCaOf(unverified, token.caFingerprint256);
  const { csrPem, keyPem } = await createCertificateRequest();
  const connection = frameSocket(await connectTls(unverified.address, { caPem }, signal));
  try {
    const join = { type: 'join', token: options.token.trim(), nodeName, csrPem } as const;
    await connection.send(encodeMessage(join));
    for await (const body of connection.frames(maxControlMessageBytes)) {
      const answer = parseControlMessage(body);
      if (answer?.type === 'refused') throw new JoinRefusedError(answer.reason);
      if (answer?.type !== 'joined') continue;
      if (nodeIdOf(answer.certificatePem) !== answer.nodeId) {
        throw new JoinRefusedError('the certificate is for another node');
      }
      return { nodeId: answer.nodeId, caPem, certificatePem: answer.certificatePem, keyPem };
    }
    throw new JoinRefusedError('the control plane closed the connection without an answer');
  } finally {
    connection.destroy();
  }
}

/** Takes the CA's certificate from the server's chain; the token's fingerprint says that it is the one. */
function clusterCaOf({ address, socket }: Connected, fingerprint256: string): string {
  const shown = shownCertificates(socket);
  socket.destroy();
  for (const der of shown) {
    if (createHash('sha256').update(der).digest('hex') === fingerprint256) {
      return new X509Certificate(der).toString();
    }
  }
  throw new JoinRefusedError(
    `${address.host}:${address.port} is not of the cluster that the join token is for`,
  );
}

function shownCertificates(socket: TLSSocket): Buffer[] {
  const seen: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // The chain of an unverified peer may end anywhere, or run in a circle at its root.
  while (certificate?.raw && !seen.some((raw) => certificate && raw.equals(certificate.raw))) {
    seen.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return seen;
}

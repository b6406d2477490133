import { randomUUID } from 'node:crypto';
import { ConnectionClosedError, type FrameSocket } from '../../shared/frame-socket.js';
import type { NodeId } from '../../shared/gateway-model.js';
import { parseJoinToken } from '../../shared/join-token.js';
import type { Logger } from '../../shared/logger.js';
import {
  encodeMessage,
  type JoinMessage,
  maxJoinMessageBytes,
  parseNodeMessage,
} from '../../shared/snapshot-protocol.js';
import type { Clock } from '../ports/clock.js';
import { type ClusterCa, ClusterCaError } from './cluster-ca.js';
import type { ClusterMembers } from './cluster-members.js';

export interface JoinOptions {
  readonly connection: FrameSocket;
  readonly address: string;
  readonly ca: ClusterCa;
  readonly members: ClusterMembers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Answers the one message that a peer without a certificate may send. A spent, expired and unknown
 * token look alike to it. @returns whether a node was admitted. Never rejects.
 */
export async function answerJoin(options: JoinOptions): Promise<boolean> {
  const { connection, logger, address } = options;
  const refused = (reason: string) => {
    logger.warn({ address, reason }, 'a node was not admitted');
    connection.end(encodeMessage({ type: 'refused', reason }));
    return false;
  };
  try {
    for await (const body of connection.frames(maxJoinMessageBytes)) {
      const message = parseNodeMessage(body);
      if (message?.type !== 'join') return refused('no valid node certificate: join first');
      const admitted = await admit(options, message);
      if (admitted === undefined) return refused('the join token is not valid, or not any more');
      connection.end(encodeMessage(admitted));
      logger.info(
        { address, nodeId: admitted.nodeId, nodeName: message.nodeName },
        'a node joined',
      );
      return true;
    }
  } catch (error) {
    if (error instanceof ClusterCaError) return refused(error.message);
    if (!(error instanceof ConnectionClosedError))
      logger.info({ address, err: error }, 'a join broke off');
    connection.destroy();
  }
  return false;
}

/** The certificate is made first: a request that can't be signed must not cost the token. */
async function admit(
  { ca, clock, members }: JoinOptions,
  { token, csrPem, nodeName }: JoinMessage,
) {
  const parsed = parseJoinToken(token);
  if (parsed?.caFingerprint256 !== ca.fingerprint256) return undefined;
  const nodeId = randomUUID() as NodeId;
  const certificatePem = await ca.issueNodeCertificate(csrPem, nodeId, clock());
  const node = { id: nodeId, name: nodeName, joinedAt: clock() };
  if (!(await members.admit(parsed, node))) return undefined;
  return { type: 'joined', nodeId, certificatePem, caPem: ca.certificatePem } as const;
}

import { decodeEvent, encodeEvents } from '../../../control-plane/events/codec.js';
import { chainStart } from '../../../control-plane/events/hash-chain.js';
import type { GatewayEvent } from '../../../shared/events.js';
import { api, certificate, plugin } from '../../support/gateway-fixtures.js';
import { hasCode } from '../../support/log-events.js';
import type { FuzzTarget } from '../fuzz-target.js';
import { mutated } from '../mutations.js';

const separator = Buffer.from('\n---\n');

function samples() {
  const events: GatewayEvent[] = [
    { type: 'LogCreated', data: { logId: '11111111-1111-4111-8111-111111111111' } },
    { type: 'ApiAdded', data: { api: api(1) } },
    { type: 'CertUploaded', data: { certificate: certificate(1) } },
    { type: 'PluginAdded', data: { plugin: plugin(1, 1, 1) } },
  ];
  const metadata = { time: '2026-06-01T00:00:00.000Z', actor: 'ci', correlationId: 'c' };
  return encodeEvents(
    chainStart,
    events.map((event, n) => ({ id: `${n}` as never, event, metadata })),
  ).toAppend;
}

/** A changed event is never taken for what was written. */
export const eventTarget: FuzzTarget = {
  name: 'events',
  share: 10,
  prepare: () => {
    const appended = samples();
    const corpus = appended.map(({ data, metadata }) => Buffer.concat([data, separator, metadata]));
    return {
      inputs: mutated(corpus, { tokens: ['"hash":', '"version":2', '"time":'] }),
      run: (input) => {
        const bytes = Buffer.from(input);
        const cut = bytes.indexOf(separator);
        const data = cut === -1 ? bytes : bytes.subarray(0, cut);
        const metadata = cut === -1 ? bytes : bytes.subarray(cut + separator.length);
        for (const [n, { id, type }] of appended.entries()) {
          if (!isRead({ id, type, data, metadata, revision: n as never })) continue;
          if (!corpus[n]?.equals(bytes)) throw new Error('an altered event is read');
        }
      },
    };
  },
};

function isRead(stored: Parameters<typeof decodeEvent>[0]): boolean {
  try {
    decodeEvent(stored);
    return true;
  } catch (error) {
    if (hasCode(error, 'SIGNET_EVENT_UNREADABLE') || hasCode(error, 'SIGNET_EVENT_CHAIN_BROKEN')) {
      return false;
    }
    throw error;
  }
}

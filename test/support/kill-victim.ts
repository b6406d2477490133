import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { loadMasterKeys } from '../../control-plane/adapters/master-key.js';
import { SqliteEventLog } from '../../control-plane/adapters/sqlite-event-log.js';
import { SqliteKeyVault } from '../../control-plane/adapters/sqlite-key-vault.js';
import { decodeEvents, encodeEvents } from '../../control-plane/events/codec.js';
import { chainStart } from '../../control-plane/events/hash-chain.js';
import type { EventToAppend } from '../../control-plane/ports/event-log.js';
import type { EventId, GatewayEvent } from '../../shared/events.js';
import type { Certificate } from '../../shared/gateway-model.js';
import { revision } from '../../shared/revision.js';
import { someCertificate } from './some-certificate.js';

/**
 * A process that uploads and erases without pause until someone kills it. After each acknowledged
 * write it says so on standard output, in the order in which the control plane does these things:
 * vault.put, append CertUploaded, "kept"; append KeyErased, vault.erase, "erased".
 */
const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: kill-victim DIRECTORY');
const masterKeys = await loadMasterKeys({ kind: 'file', path: join(directory, 'master.key') });
const log = new SqliteEventLog({ path: join(directory, 'events.db') });
const vault = new SqliteKeyVault({ path: join(directory, 'vault.db'), masterKeys });

let head = chainStart;
for await (const batch of log.read(revision(0))) head = decodeEvents(head, batch).head;
if (head.revision === 'empty') await record({ type: 'LogCreated', data: { logId: randomUUID() } });

const kept: Certificate[] = [];
for (;;) {
  const certificate = someCertificate();
  await vault.put(certificate.keyId, `key of ${certificate.keyId}`);
  await record({ type: 'CertUploaded', data: { certificate } });
  say(`kept ${certificate.keyId}`);
  kept.push(certificate);
  const oldest = kept.length > 3 ? kept.shift() : undefined;
  if (oldest !== undefined) {
    await record({
      type: 'KeyErased',
      data: { certificateId: oldest.id, keyId: oldest.keyId },
    });
    await vault.erase(oldest.keyId);
    say(`erased ${oldest.keyId}`);
  }
}

async function record(event: GatewayEvent): Promise<void> {
  const metadata = { time: new Date().toISOString(), actor: 'system', correlationId: randomUUID() };
  const encoded = encodeEvents(head, [{ id: randomUUID() as EventId, event, metadata }]);
  const [first, ...rest] = encoded.toAppend;
  if (first === undefined) throw new Error('one event in, one event out');
  const events: [EventToAppend, ...EventToAppend[]] = [first, ...rest];
  await log.append(head.revision, events);
  head = encoded.head;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

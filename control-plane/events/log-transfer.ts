import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { EventId } from '../../shared/events.js';
import {
  type ExpectedRevision,
  nextRevision,
  type Revision,
  revision,
} from '../../shared/revision.js';
import type { EventLog, EventToAppend, StoredEvent } from '../ports/event-log.js';
import { RevisionConflictError } from '../ports/event-log-errors.js';
import { LogImportError } from './event-errors.js';
import { type Verification, verifyLog } from './verify.js';

/**
 * A log as text: a header, one JSON object a line for each event, and an end with the number of
 * events. Bytes that are UTF-8 stand as a string, so that a line can be searched and read; any other
 * as `{"base64":"…"}`.
 */
const header = '{"signet":"event log","version":1}';

/** Yields the lines of the whole log up to its head, without line ends. */
export async function* exportLog(
  log: EventLog,
  onProgress?: (exported: Revision) => void,
): AsyncGenerator<string> {
  yield header;
  let count = 0;
  for await (const batch of log.read(revision(0))) {
    for (const { revision: at, id, type, data, metadata } of batch) {
      yield JSON.stringify({
        revision: at,
        id,
        type,
        data: toText(data),
        metadata: toText(metadata),
      });
      count += 1;
      onProgress?.(at);
    }
  }
  yield JSON.stringify({ end: count });
}

/**
 * Appends every event of an export with its revision, id and bytes, after checking each against the
 * hash chain. Repeated after an interruption it finds what is there and goes on.
 * @throws LogImportError if the export is cut short, altered, or of another log than the target's.
 */
export async function importLog(
  log: EventLog,
  lines: AsyncIterable<string>,
  onProgress?: (imported: Revision) => void,
): Promise<Verification & { status: 'intact' }> {
  let expected: ExpectedRevision = 'empty';
  const appendBatches = async function* () {
    for await (const batch of readExport(lines)) {
      // What is appended was checked before: the verification below asks for a batch at a time, and
      // looks at it first.
      yield batch;
      expected = await appendBatch(log, expected, batch);
      onProgress?.(expected);
    }
  };
  const verification = await verifyLog({ events: appendBatches() });
  if (verification.status === 'altered') {
    throw new LogImportError(
      `the export was altered at revision ${verification.revision}: ${verification.reason}; the ` +
        `events before it were imported up to revision ${expected}`,
    );
  }
  return verification;
}

/**
 * The events of an export, batch by batch, with their form checked and nothing else.
 * @throws LogImportError if it is none, or was cut short.
 */
export function readExport(lines: AsyncIterable<string>): AsyncIterable<readonly StoredEvent[]> {
  return batches(parseLines(lines));
}

async function appendBatch(
  log: EventLog,
  expected: ExpectedRevision,
  batch: readonly StoredEvent[],
): Promise<Revision> {
  const [first, ...rest] = batch;
  if (first === undefined) throw new RangeError('an empty batch');
  try {
    const events: [EventToAppend, ...EventToAppend[]] = [first, ...rest];
    return (await log.append(expected, events)).last;
  } catch (error) {
    if (!(error instanceof RevisionConflictError)) throw error;
    throw new LogImportError(
      `the target holds other events from revision ${nextRevision(expected)} on: import into an empty log`,
      { cause: error },
    );
  }
}

async function* parseLines(lines: AsyncIterable<string>): AsyncGenerator<StoredEvent> {
  let number = 0;
  let count = 0;
  let isEnded = false;
  for await (const line of lines) {
    number += 1;
    if (number === 1) {
      if (line !== header) throw new LogImportError('this is no export of a Signet event log');
      continue;
    }
    if (isEnded) throw new LogImportError(`line ${number} follows the end of the export`);
    const item = parseLine(line, number);
    if ('end' in item) {
      if (item.end !== count)
        throw new LogImportError(`${item.end} events expected, ${count} found`);
      isEnded = true;
    } else {
      count += 1;
      yield item;
    }
  }
  if (!isEnded) throw new LogImportError(`the export was cut short after ${count} events`);
}

const payload = Type.Union([
  Type.String(),
  Type.Object({ base64: Type.String() }, { additionalProperties: false }),
]);
const lineForm = Compile(
  Type.Union([
    Type.Object({ end: Type.Integer({ minimum: 0 }) }, { additionalProperties: false }),
    Type.Object(
      {
        revision: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        id: Type.Unsafe<EventId>(
          Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
        ),
        type: Type.String(),
        data: payload,
        metadata: payload,
      },
      { additionalProperties: false },
    ),
  ]),
);

function parseLine(line: string, number: number): StoredEvent | { readonly end: number } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new LogImportError(`line ${number} is not JSON`, { cause });
  }
  if (!lineForm.Check(value)) throw new LogImportError(`line ${number} is no event`);
  if ('end' in value) return value;
  const { revision: at, id, type, data, metadata } = value;
  return { revision: revision(at), id, type, data: toBytes(data), metadata: toBytes(metadata) };
}

/** Small enough for the strictest store: EventStoreDB takes 1 MiB an append unless told otherwise. */
const maxBatchEvents = 100;
const maxBatchBytes = 512 * 1024;

async function* batches(events: AsyncIterable<StoredEvent>): AsyncGenerator<StoredEvent[]> {
  let batch: StoredEvent[] = [];
  let bytes = 0;
  for await (const event of events) {
    const size = event.data.byteLength + event.metadata.byteLength;
    if (batch.length === maxBatchEvents || (batch.length > 0 && bytes + size > maxBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function toText(bytes: Uint8Array): string | { readonly base64: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  return Buffer.from(text, 'utf8').equals(buffer) ? text : { base64: buffer.toString('base64') };
}

function toBytes(text: string | { readonly base64: string }): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text.base64, 'base64');
}

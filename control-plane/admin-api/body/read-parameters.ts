import type {} from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { Refusal } from '../refusal.js';
import { bodyLimits, type RawObject, setPath } from './raw-value.js';
import { JsonFault, parseStrictJson } from './strict-json.js';

/**
 * The parameters of a request's body, whatever form they come in: JSON, urlencoded or multipart; nested,
 * dotted or both.
 *
 * @param maxFields of JSON, which alone can hold lists
 * @throws Refusal 400 for a body that cannot be read, 413 for one that is too large.
 */
export async function readParameters(
  request: FastifyRequest,
  maxFields: number = bodyLimits.fields,
): Promise<RawObject> {
  const type = mediaType(request);
  if (type === 'multipart/form-data') return readMultipart(request);
  const text = request.body instanceof Buffer ? request.body.toString('utf8') : '';
  if (type === 'application/json') return readJson(text, maxFields);
  if (type === 'application/x-www-form-urlencoded') return readUrlEncoded(text);
  throw new Refusal(415);
}

export function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function readJson(text: string, maxFields: number): RawObject {
  try {
    return parseStrictJson(text, maxFields);
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    const reason = error.message === 'it is not JSON' ? '' : `: ${error.message}`;
    throw new Refusal(400, { message: `Cannot parse JSON body${reason}` });
  }
}

function readUrlEncoded(text: string): RawObject {
  const parameters: RawObject = new Map();
  let fields = 0;
  for (const [name, value] of new URLSearchParams(text)) {
    checkField(++fields, name);
    setPath(parameters, name, value);
  }
  return parameters;
}

/** A part is a plain value or an uploaded file: the file's content is the value. */
async function readMultipart(request: FastifyRequest): Promise<RawObject> {
  const parameters: RawObject = new Map();
  let fields = 0;
  let bytes = 0;
  for await (const part of multipartOf(request)) {
    checkField(++fields, part.fieldname);
    const chunks: Buffer[] = [];
    if (part.type === 'file') {
      for await (const chunk of part.file) {
        bytes += chunk.length;
        if (bytes > bodyLimits.bytes) throw new Refusal(413);
        chunks.push(chunk);
      }
    } else {
      const value = Buffer.from(typeof part.value === 'string' ? part.value : '', 'utf8');
      bytes += value.length;
      if (bytes > bodyLimits.bytes) throw new Refusal(413);
      chunks.push(value);
    }
    setPath(parameters, part.fieldname, Buffer.concat(chunks).toString('utf8'));
  }
  return parameters;
}

async function* multipartOf(request: FastifyRequest) {
  if (!request.isMultipart()) throw new Refusal(415);
  try {
    yield* request.parts({
      limits: {
        fieldNameSize: bodyLimits.fieldNameBytes,
        fieldSize: bodyLimits.bytes,
        fileSize: bodyLimits.bytes,
        parts: bodyLimits.fields,
        headerPairs: 20,
      },
    });
  } catch (error) {
    throw error instanceof Refusal ? error : multipartRefusal(error);
  } finally {
    // The parser would go on with the rest of a body whose first parts were refused.
    request.raw.unpipe().resume();
  }
}

function multipartRefusal(error: unknown): Refusal {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/LIMIT|TOO_LARGE/.test(code)) return new Refusal(413);
  return new Refusal(400, { message: 'Cannot parse multipart body' });
}

/** @param name `undefined` for a part without one, whatever its type says */
function checkField(count: number, name: string | undefined): void {
  if (name === undefined) throw new Refusal(400, { message: 'Cannot parse multipart body' });
  if (count > bodyLimits.fields || Buffer.byteLength(name) > bodyLimits.fieldNameBytes) {
    throw new Refusal(413, { message: 'Too many fields, or a field name that is too long' });
  }
}

import { type AdminConnection, AdminRefusal, type Answer, text } from '../admin-connection.js';
import { withoutPrivateKeys } from '../pem-text.js';
import type { PlannedUpload } from './plan-import.js';
import { readPemText } from './read-pem-texts.js';
import type { Refused } from './sources/source.js';

export interface UploadOptions {
  readonly admin: AdminConnection;
  readonly uploads: readonly PlannedUpload[];
  /** Fingerprint of the leaf that each host has already. */
  readonly bound: ReadonlyMap<string, string>;
  /**
   * Where hosts without an API lead; `{host}` in it is replaced. Unset: where the source says, and if it
   * does not, such hosts are refused.
   */
  readonly upstream: string | undefined;
  /** The control plane only says what it would do. */
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

export interface UploadReport {
  readonly added: number;
  readonly replaced: number;
  /** The gateway has that very certificate for the host. */
  readonly unchanged: number;
  readonly refused: readonly Refused[];
  /** Not tried, because it was interrupted: the same command goes on there. */
  readonly left: number;
}

/** So many the control plane takes with one request, and records with one append. */
const batchSize = 33;
/** While one batch is being recorded, the control plane reads the next one. */
const concurrency = 3;

/**
 * Uploads what is missing. The gateway itself says what is there, so that the same command finishes an
 * import that was cut short, and changes nothing when run again.
 */
export async function upload(options: UploadOptions): Promise<UploadReport> {
  const { uploads, bound, signal, onProgress } = options;
  const missing = uploads.filter(({ host, fingerprint256 }) => bound.get(host) !== fingerprint256);
  const counts = { added: 0, replaced: 0, unchanged: uploads.length - missing.length };
  const refused: Refused[] = [];
  let next = 0;
  let done = counts.unchanged;
  const worker = async () => {
    while (next < missing.length && !signal.aborted) {
      const batch = missing.slice(next, next + batchSize);
      next += batch.length;
      for (const { host, outcome, reason } of await uploadBatch(options, batch)) {
        if (outcome === 'refused') refused.push({ what: host, reason });
        else counts[outcome]++;
      }
      done += batch.length;
      onProgress(done);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { ...counts, refused, left: uploads.length - done };
}

interface Result {
  readonly host: string;
  readonly outcome: 'added' | 'replaced' | 'unchanged' | 'refused';
  /** Empty unless it was refused. */
  readonly reason: string;
}

async function uploadBatch(
  { admin, upstream, isDryRun }: UploadOptions,
  batch: readonly PlannedUpload[],
): Promise<readonly Result[]> {
  const certificates = await Promise.all(batch.map((planned) => entryOf(planned, upstream)));
  try {
    const path = isDryRun ? '/certificates?dry_run=true' : '/certificates';
    const { results } = await admin.send('POST', path, { certificates });
    return batch.map(({ host }, index) => readResult(host, results, index));
  } catch (error) {
    if (!(error instanceof AdminRefusal)) throw error;
    const reason = error.message;
    return batch.map(({ host }) => ({ host, outcome: 'refused', reason }));
  }
}

async function entryOf(
  { host, cert, key, settings, api: draft }: PlannedUpload,
  upstream: string | undefined,
): Promise<Answer> {
  const upstream_url = upstream?.replaceAll('{host}', host) ?? draft?.upstream_url;
  return {
    request_host: host,
    config: {
      ...settings,
      cert: withoutPrivateKeys(await readPemText(cert)),
      key: await readPemText(key),
    },
    ...(upstream_url !== undefined && { api: { ...draft, upstream_url } }),
  };
}

function readResult(host: string, results: unknown, index: number): Result {
  const result: unknown = Array.isArray(results) ? results[index] : undefined;
  if (typeof result !== 'object' || result === null) {
    throw new Error('the control plane did not say what became of a certificate');
  }
  // What it holds is looked at field by field.
  const answer = result as Answer;
  const outcome = outcomes.find((each) => each === answer['outcome']);
  if (outcome === undefined) throw new Error('the control plane answered an unknown outcome');
  const reason =
    answer['code'] === 'api-not-found'
      ? 'no API has this request_host: add one, or give --upstream'
      : text(answer, 'reason');
  return { host, outcome, reason };
}

const outcomes = ['added', 'replaced', 'unchanged', 'refused'] as const;

import { type AdminConnection, AdminRefusal, text } from '../admin-connection.js';
import type { BoundCertificate } from '../bound-certificates.js';
import { withoutPrivateKeys } from '../pem-text.js';
import type { PlannedUpload } from './plan-import.js';
import { readPemText } from './read-pem-texts.js';
import type { ApiDraft, Refused } from './sources/source.js';

export interface UploadOptions {
  readonly admin: AdminConnection;
  readonly uploads: readonly PlannedUpload[];
  /** What the gateway has already, by host. */
  readonly bound: ReadonlyMap<string, BoundCertificate>;
  /** APIs by `request_host`, in lower case. */
  readonly apiByHost: ReadonlyMap<string, string>;
  /**
   * Where hosts without an API lead; `{host}` in it is replaced. Unset: where the source says, and if it
   * does not, such hosts are refused.
   */
  readonly upstream: string | undefined;
  /** Requests under way at a time: they share the control plane's disk syncs. */
  readonly concurrency: number;
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

/**
 * Uploads what is missing. The gateway itself says what is there, so that the same command finishes an
 * import that was cut short, and changes nothing when run again.
 */
export async function upload(options: UploadOptions): Promise<UploadReport> {
  const { uploads, concurrency, signal, onProgress } = options;
  const counts = { added: 0, replaced: 0, unchanged: 0 };
  const refused: Refused[] = [];
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < uploads.length && !signal.aborted) {
      const planned = uploads[next++];
      if (planned === undefined) return;
      try {
        counts[await uploadOne(options, planned)]++;
      } catch (error) {
        if (!(error instanceof AdminRefusal)) throw error;
        refused.push({ what: planned.host, reason: error.message });
      }
      onProgress(++done);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { ...counts, refused, left: uploads.length - done };
}

async function uploadOne(
  { admin, bound, apiByHost, upstream }: UploadOptions,
  { host, fingerprint256, cert, key, settings, api: draft }: PlannedUpload,
): Promise<'added' | 'replaced' | 'unchanged'> {
  const current = bound.get(host);
  if (current?.fingerprint256 === fingerprint256) return 'unchanged';
  const config = {
    ...settings,
    cert: withoutPrivateKeys(await readPemText(cert)),
    key: await readPemText(key),
  };
  if (current !== undefined) {
    await admin.send('PATCH', `/plugins/${current.pluginId}`, { config });
    return 'replaced';
  }
  const api = apiByHost.get(host) ?? (await addApi(admin, host, upstream, draft));
  await admin.send('POST', `/apis/${encodeURIComponent(api)}/plugins`, { name: 'ssl', config });
  return 'added';
}

async function addApi(
  admin: AdminConnection,
  host: string,
  upstream: string | undefined,
  draft: ApiDraft | undefined,
): Promise<string> {
  const upstream_url = upstream?.replaceAll('{host}', host) ?? draft?.upstream_url;
  if (upstream_url === undefined) {
    throw new AdminRefusal(404, 'no API has this request_host: add one, or give --upstream');
  }
  const api = await admin.send('POST', '/apis', { ...draft, request_host: host, upstream_url });
  return text(api, 'id');
}

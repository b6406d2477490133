/** An answer of the admin API, read whole. */
export interface AdminAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, `undefined` for an empty body. */
  readonly body: unknown;
}

export interface PluginUpload {
  readonly cert: string;
  readonly key: string;
  readonly onlyHttps?: boolean;
  readonly acceptHttpIfAlreadyTerminated?: boolean;
}

/** Speaks to the admin API as Kong's page does: urlencoded APIs, multipart certificates. */
export class AdminClient {
  readonly #url: string;
  readonly #token: string | undefined;

  /** @param token where the admin API asks for one. */
  constructor(url: string, token?: string) {
    this.#url = url;
    this.#token = token;
  }

  addApi(name: string, requestHost: string, upstreamUrl: string): Promise<AdminAnswer> {
    const fields = { name, request_host: requestHost, upstream_url: upstreamUrl };
    return this.send('POST', '/apis', new URLSearchParams(fields));
  }

  /** @param wait `applied`: answered when every node proved that it serves the certificate. */
  bind(api: string, upload: PluginUpload, wait?: 'applied'): Promise<AdminAnswer> {
    const form = new FormData();
    form.set('name', 'ssl');
    form.set('config.cert', upload.cert);
    form.set('config.key', upload.key);
    if (upload.onlyHttps !== undefined) form.set('config.only_https', String(upload.onlyHttps));
    if (upload.acceptHttpIfAlreadyTerminated !== undefined) {
      form.set(
        'config.accept_http_if_already_terminated',
        String(upload.acceptHttpIfAlreadyTerminated),
      );
    }
    return this.send('POST', `/apis/${api}/plugins${query(wait)}`, form);
  }

  /** Replaces the certificate of a plugin that is there. */
  rebind(
    api: string,
    pluginId: string,
    { cert, key }: PluginUpload,
    wait?: 'applied',
  ): Promise<AdminAnswer> {
    const path = `/apis/${api}/plugins/${pluginId}${query(wait)}`;
    const fields = { 'config.cert': cert, 'config.key': key };
    return this.send('PATCH', path, new URLSearchParams(fields));
  }

  async send(
    method: string,
    path: string,
    body?: URLSearchParams | FormData | Blob | string,
  ): Promise<AdminAnswer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      ...(this.#token !== undefined && { headers: { authorization: `Bearer ${this.#token}` } }),
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }
}

function query(wait: 'applied' | undefined): string {
  return wait === undefined ? '' : `?wait=${wait}`;
}

/** The id in an answer's body. @throws Error if the answer is none of a created entity. */
export function idOf({ status, body }: AdminAnswer): string {
  if (typeof body === 'object' && body !== null && 'id' in body && typeof body.id === 'string') {
    return body.id;
  }
  throw new Error(`answer ${status} has no id: ${JSON.stringify(body)}`);
}

import { X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import type { Logger } from '../../shared/logger.js';
import { readPrivateFile } from '../../shared/private-file.js';
import { AdminTlsError } from './access-errors.js';

/** Where the admin listener's certificate lies. */
export interface AdminTlsFiles {
  /** PEM chain, leaf first. */
  readonly certPath: string;
  /** PEM key, unencrypted, readable by its owner alone. */
  readonly keyPath: string;
}

export type AdminTls = TlsOptions & { readonly cert: string };

/**
 * Options of the admin listener. Client certificates are asked for, and judged by the guard: a caller
 * without one may still have a token.
 * @throws AdminTlsError with what to do
 */
export async function loadAdminTls(files: AdminTlsFiles): Promise<AdminTls> {
  return { ...(await loadContext(files)), requestCert: true, rejectUnauthorized: false };
}

/** What can be changed on a listener that is up: `tls.Server`. */
export interface RenewableListener {
  setSecureContext(options: SecureContextOptions): void;
}

/**
 * Gives the listener the new certificate as soon as the files change. Open connections keep theirs. A
 * pair that does not work, or is only half written, leaves the old one in use. What else changes beside the
 * files changes nothing: a new context would end every session that could be resumed.
 *
 * @param inUse what the listener was made with.
 */
export function watchAdminTls(
  files: AdminTlsFiles,
  inUse: AdminTls,
  listener: RenewableListener,
  logger: Logger,
): { close(): void } {
  const renewal = new Renewal(files, inUse.cert, listener, logger);
  return { close: () => renewal.close() };
}

/** Renewal tools write both files, or swap links, within this time; it also gathers their events. */
const settleMs = 100;

class Renewal {
  readonly #files: AdminTlsFiles;
  readonly #listener: RenewableListener;
  readonly #logger: Logger;
  readonly #watchers: readonly FSWatcher[];
  #timer: NodeJS.Timeout | undefined;
  #shown: string;

  constructor(files: AdminTlsFiles, shown: string, listener: RenewableListener, logger: Logger) {
    this.#files = files;
    this.#shown = shown;
    this.#listener = listener;
    this.#logger = logger;
    // The directories, since tools replace files, and a watched file that is replaced is lost.
    const directories = new Set([dirname(files.certPath), dirname(files.keyPath)]);
    this.#watchers = [...directories].map((directory) =>
      watch(directory, { persistent: false }, () => this.#soon()).on('error', (error) =>
        logger.error({ err: error, directory }, 'admin certificate: its directory is not watched'),
      ),
    );
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew(), settleMs).unref();
  }

  async #renew(): Promise<void> {
    try {
      const context = await loadContext(this.#files);
      const { cert } = context;
      if (cert === this.#shown) {
        this.#logger.debug({}, 'admin listener: the certificate is still the same');
        return;
      }
      this.#listener.setSecureContext(context);
      this.#shown = cert;
      const { validTo } = new X509Certificate(cert);
      this.#logger.info({ validTo }, 'admin listener: new certificate in use');
    } catch (error) {
      this.#logger.error({ err: error }, 'admin listener: the old certificate stays in use');
    }
  }
}

async function loadContext({ certPath, keyPath }: AdminTlsFiles) {
  const context = {
    cert: await readText(certPath),
    key: await readPrivate(keyPath),
    minVersion: 'TLSv1.2',
  } as const;
  try {
    createSecureContext(context);
  } catch (error) {
    throw new AdminTlsError(
      `${certPath} and ${keyPath} are no certificate with its key: expects a PEM chain, leaf first, ` +
        'and its unencrypted PEM key',
      { cause: error },
    );
  }
  return context;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AdminTlsError(`${path} cannot be read`, { cause: error });
  }
}

async function readPrivate(path: string): Promise<string> {
  const file = await readPrivateFile(path).catch((error: unknown) => {
    throw new AdminTlsError(`${path} cannot be read`, { cause: error });
  });
  switch (file.status) {
    case 'missing':
      throw new AdminTlsError(`there is no ${path}`);
    case 'exposed':
      throw new AdminTlsError(
        `others may read the private key ${path}: run "chmod 600 ${path}", and replace the ` +
          'certificate if anyone could have read it',
      );
    case 'read':
      return file.content;
  }
}

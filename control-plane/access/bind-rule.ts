import {
  formatListenAddress,
  isLoopback,
  type ListenAddress,
} from '../../shared/listen-address.js';
import { AdminBindError } from './access-errors.js';

export interface AdminBinding {
  readonly address: ListenAddress;
  /** Whether the listener has a certificate and key of its own. */
  readonly tls: boolean;
  /** Whether a credential was ever made. */
  readonly hasCredentials: boolean;
}

/**
 * How the admin API lets callers in:
 * - `development`: everybody on this machine, without a credential. Ends for good as soon as the first
 *   credential is made.
 * - `guarded`: callers with a credential only.
 */
export type AccessMode = 'development' | 'guarded';

/**
 * @returns the mode to start in; `guarded` without a credential means that the first one is to be made.
 * @throws AdminBindError where tokens would travel in the clear, with the ways to mend it.
 */
export function decideAccessMode({ address, tls, hasCredentials }: AdminBinding): AccessMode {
  if (isLoopback(address.host)) return hasCredentials || tls ? 'guarded' : 'development';
  if (tls) return 'guarded';
  throw new AdminBindError(
    `the admin API would listen on ${formatListenAddress(address)}, where others can reach it, ` +
      'without TLS: set admin_ssl_cert_path and admin_ssl_key_path, or keep it on this machine with ' +
      `admin_api_listen: 127.0.0.1:${address.port}`,
  );
}

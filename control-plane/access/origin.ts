import { parseHostHeader } from '../../shared/hostname.js';
import { isLoopback } from '../../shared/listen-address.js';

/**
 * Protection against web pages, which can make a browser on this machine send requests here.
 *
 * A token in a header is not theirs to send, so requests with one need nothing of this. But in
 * development mode everybody on this machine is let in, and a browser presents a client certificate
 * by itself; both are open to pages of others:
 *
 * - DNS rebinding: a page's own name is made to point to 127.0.0.1, so that for the browser we are its
 *   own site. The `Host` header still has that name: only names of this machine are served.
 * - Cross-site requests: the `Origin` header tells where the page is from. Kong lets every page read
 *   (`Access-Control-Allow-Origin: *`), and so do we, as no answer holds a secret; changes are
 *   accepted only from pages of this machine or of the admin API itself.
 */
export interface BrowserHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly fetchSite?: string | undefined;
}

/** Whether `Host` names this machine itself. */
export function isLoopbackHost(host: string | undefined): boolean {
  const parsed = host === undefined ? undefined : parseHostHeader(host);
  return parsed !== undefined && isLoopback(parsed.text.replace(/^\[|\]$/g, '').toLowerCase());
}

/** Whether a change may come of this request, if what lets it in is not the request's own doing. */
export function isFromTrustedPage({ host, origin, fetchSite }: BrowserHeaders): boolean {
  if (origin === undefined) return fetchSite !== 'cross-site';
  const from = hostnameOf(origin);
  if (from === undefined) return false;
  return isLoopback(from) || sameHost(origin, host);
}

function sameHost(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host?.toLowerCase();
}

function hostnameOf(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined;
  const url = new URL(origin);
  // Anything but scheme and authority means that it is no origin and no host.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    return undefined;
  }
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase() || undefined;
}

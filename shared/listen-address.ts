/** Where a listener binds. Port 0 lets the system choose one. */
export interface ListenAddress {
  /** IPv4, or IPv6 without brackets, or a host name. */
  readonly host: string;
  readonly port: number;
}

const portPattern =
  '(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

/** `host:port` with a port of 0 … 65535, an IPv6 address in brackets. */
export const listenAddressPattern = `^(?:\\[[0-9a-fA-F:.]+\\]|[0-9a-zA-Z._-]+):${portPattern}$`;

/** @throws RangeError if `text` does not match `listenAddressPattern`. */
export function parseListenAddress(text: string): ListenAddress {
  if (!new RegExp(listenAddressPattern).test(text)) {
    throw new RangeError(`not an address: '${text}', expects host:port, IPv6 as [::1]:8001`);
  }
  const colon = text.lastIndexOf(':');
  return {
    host: text.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(text.slice(colon + 1)),
  };
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether only this machine can reach a listener bound to `host`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

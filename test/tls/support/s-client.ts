import { spawn } from 'node:child_process';

export interface Negotiated {
  readonly protocol: string;
  readonly suite: string;
  /** Of the key exchange, as OpenSSL calls it. */
  readonly group: string;
  /** `ok`, or what is wrong with the chain. */
  readonly verified: string;
  /** PEM blocks as they were sent, leaf first. */
  readonly chain: readonly string[];
}

/** One handshake by `openssl s_client`; `undefined` if it fails. */
export async function sClient(
  port: number,
  serverName: string,
  args: readonly string[] = [],
): Promise<Negotiated | undefined> {
  const child = spawn(
    'openssl',
    [
      ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', serverName],
      ...['-showcerts', ...args],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const [, protocol = '', suite = '(NONE)'] = /^New, (\S+), Cipher is (\S+)$/m.exec(text) ?? [];
  if (suite === '(NONE)') return undefined;
  const chain = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
  return {
    ...{ protocol, suite, chain },
    group: /^Server Temp Key: (?:ECDH, )?([^,\n]+)/m.exec(text)?.[1] ?? '',
    verified: /^ *Verify return code: \d+ \((.+)\)$/m.exec(text)?.[1] ?? '',
  };
}

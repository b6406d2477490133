import { describe, expect, it } from 'vitest';
import { decideAccessMode } from '../../control-plane/access/bind-rule.js';

const decide = (host: string, tls: boolean, hasCredentials: boolean) =>
  decideAccessMode({ address: { host, port: 8001 }, tls, hasCredentials });

describe('the bind rule', () => {
  it.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost'])(
    'is development mode on %s as long as there is no credential',
    (host) => {
      expect(decide(host, false, false)).toBe('development');
      expect(decide(host, false, true)).toBe('guarded');
      expect(decide(host, true, false)).toBe('guarded');
    },
  );

  it.each(['0.0.0.0', '::', '10.0.0.1', 'admin.test', '127.0.0.1.test'])(
    'refuses %s without TLS, credential or not, and says how to mend it',
    (host) => {
      for (const hasCredentials of [false, true]) {
        expect(() => decide(host, false, hasCredentials)).toThrow(
          /set admin_ssl_cert_path and admin_ssl_key_path, or .*admin_api_listen: 127\.0\.0\.1:8001/,
        );
      }
      expect(decide(host, true, false)).toBe('guarded');
    },
  );
});

import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  type ConfigSources,
  printableSettings,
  readConfig,
  readSettings,
} from '../../shared/config.js';

const read = (sources: Partial<ConfigSources>) =>
  readConfig({ environment: {}, ...sources }, { workers: 4 });

function problemsOf(sources: Partial<ConfigSources>): readonly string[] {
  try {
    read(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('readConfig', () => {
  it('fills in defaults and parses addresses', () => {
    const config = read({});
    expect(config.proxyListenSsl).toEqual({ host: '0.0.0.0', port: 8443 });
    expect(config.pluginsAvailable).toEqual(['ssl']);
    expect(config.workers).toBe(4);
    expect(config.eventLog).toBeUndefined();
  });

  it('lets flags go before the environment, and that before the file', () => {
    const config = read({
      file: { name: 'signet.yml', values: { workers: 1, processes: 2, log_level: 'warn' } },
      environment: { SIGNET_WORKERS: '2', SIGNET_PROCESSES: '3' },
      flags: { workers: '3' },
    });
    expect([config.workers, config.processes, config.logLevel]).toEqual([3, 3, 'warn']);
  });

  it('reads lists, booleans and IPv6 addresses from text', () => {
    const config = read({
      environment: {
        SIGNET_CONTROL_PLANES: '10.0.0.1:8002, [::1]:8002',
        SIGNET_ALLOW_EXPIRED_CERTIFICATES: 'TRUE',
        SIGNET_PLUGINS_AVAILABLE: '',
      },
    });
    expect(config.controlPlanes).toEqual([
      { host: '10.0.0.1', port: 8002 },
      { host: '::1', port: 8002 },
    ]);
    expect(config.allowExpiredCertificates).toBe(true);
    expect(config.pluginsAvailable).toEqual([]);
  });

  it.each([
    ['file:/etc/signet.key', { source: 'file', path: '/etc/signet.key' }],
    ['env:KEK', { source: 'environment', name: 'KEK' }],
    ['command:kms get a:b', { source: 'command', command: 'kms get a:b' }],
  ])('parses the master key source %s', (text, source) => {
    expect(read({ flags: { master_key: text } }).masterKey).toEqual(source);
  });

  it('lets the master key lie in a variable of any name', () => {
    const environment = { SIGNET_KEK: 'c2VjcmV0', SIGNET_MASTER_KEY: 'env:SIGNET_KEK' };
    expect(read({ environment }).masterKey).toEqual({ source: 'environment', name: 'SIGNET_KEK' });
  });

  it('is frozen, lists included', () => {
    const config = read({});
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.pluginsAvailable)).toBe(true);
    expect(Object.isFrozen(config.proxyListen)).toBe(true);
  });

  it('reports all mistakes at once, each with what it expects', () => {
    expect(
      problemsOf({
        file: {
          name: 'signet.yml',
          values: { proxy_lisen: 'x', cipher_policy: 'old', workers: 0 },
        },
        environment: { SIGNET_PROXY_LISTEN: '8000', SIGNET_LOGLEVEL: 'info' },
      }),
    ).toEqual([
      "signet.yml: 'proxy_lisen' is no setting, did you mean 'proxy_listen'?",
      'proxy_listen: is "8000", expects host:port, IPv6 as [::1]:8001',
      'cipher_policy: is "old", expects one of modern, intermediate',
      'workers: is 0, must be >= 1',
      'environment: SIGNET_LOGLEVEL is no setting, did you mean SIGNET_LOG_LEVEL?',
    ]);
  });

  it.each(['host:65536', 'host:', ':80', 'a b:1', '::1:80'])('refuses the address %s', (text) => {
    expect(problemsOf({ flags: { proxy_listen: text } })).toHaveLength(1);
  });

  it('refuses half a default certificate and two listeners on one address', () => {
    expect(problemsOf({ flags: { ssl_cert_path: 'a.pem' } })).toEqual([
      'ssl_cert_path and ssl_key_path: set both or neither',
    ]);
    expect(problemsOf({ flags: { proxy_listen_ssl: '0.0.0.0:8000' } })).toEqual([
      'proxy_listen and proxy_listen_ssl: both are 0.0.0.0:8000',
    ]);
  });

  it('never prints a secret, neither in a mistake nor at start', () => {
    const environment = { SIGNET_EVENT_LOG: 'http://admin:hunter2@db' };
    expect(problemsOf({ environment }).join()).not.toContain('hunter2');
    const settings = readSettings({
      environment: { SIGNET_EVENT_LOG: 'esdb://admin:hunter2@db:2113' },
    });
    expect(printableSettings(settings)['event_log']).toBe('[redacted]');
  });
});

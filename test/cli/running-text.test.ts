import { expect, it } from 'vitest';
import { configOf } from '../../cli/load-config.js';
import { describeRunning } from '../../cli/running-text.js';
import { readSettings } from '../../shared/config.js';

it('what to type next is right for IPv6 too', () => {
  const settings = readSettings({ environment: {} });
  const text = describeRunning({
    running: {
      listening: [
        { what: 'proxyTls', address: { host: '::', port: 9443 } },
        { what: 'admin', address: { host: '::1', port: 8001 } },
      ],
    },
    loaded: { config: configOf(settings), settings, file: undefined },
    json: false,
    nextSteps: true,
  });
  expect(text).toContain('http://[::1]:8001/apis');
  expect(text).toContain('--connect-to demo.test:9443:[::1]:9443 ');
});

import type * as Engine from 'uWebSockets.js';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { poisonName } from './poison.js';

/**
 * Loaded into serving processes with NODE_OPTIONS=--import: the engine can't load a certificate with
 * the poison's name in it. Every certificate that it really can't load is refused at the admin API.
 */
if (!isMainThread || process.argv[1]?.endsWith('serving/main.js') === true) {
  const engine = createRequire(import.meta.url)('uWebSockets.js') as {
    SSLApp: typeof Engine.SSLApp;
  };
  const { SSLApp } = engine;
  engine.SSLApp = (options) => {
    const app = SSLApp(options);
    const { addServerName } = app;
    app.addServerName = (name, material) =>
      addServerName.call(app, name, isPoison(material.cert_file_name) ? nothing : material);
    return app;
  };
}

const nothing = { cert_file_name: '/dev/null', key_file_name: '/dev/null' };

function isPoison(path: unknown): boolean {
  const pem = readFileSync(String(path), 'latin1');
  const leaf = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? '';
  return Buffer.from(leaf, 'base64').includes(poisonName);
}

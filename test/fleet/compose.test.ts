import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../shared/config.js';

const root = join(import.meta.dirname, '../..');
const file = join(root, 'docker-compose.yml');

interface Service {
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const ours = Object.entries(services).filter(([, { image }]) => image === 'signet');

describe('the Dockerfile', () => {
  it('copies every directory with sources, so that the build in it finds them', () => {
    const copied = readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^COPY (\S+) \1$/gm);
    const withSources = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^\.|^node_modules$|^dist$/.test(entry.name))
      .map(({ name }) => name)
      .filter((name) => {
        const files = readdirSync(join(root, name), { encoding: 'utf8', recursive: true });
        return files.some((file) => /\.tsx?$/.test(file));
      });
    expect([...copied].map(([, name]) => name).sort()).toEqual(withSources.sort());
  });
});

describe('docker-compose.yml', () => {
  it('starts three EventStoreDB nodes, two control planes and three data-plane nodes', () => {
    const count = (name: RegExp) => Object.keys(services).filter((each) => name.test(each)).length;
    expect([count(/^eventstore-\d$/), count(/^control-plane-\d$/), count(/^node-\d$/)]).toEqual([
      3, 2, 3,
    ]);
  });

  it.each(ours)(
    'runs %s without root, on a read-only root, with settings that exist',
    (_, service) => {
      expect(service).toMatchObject({ user: 'node', read_only: true });
      const { environment = {} } = service;
      // Compose fills variables in; what is left is read as the process reads it.
      expect(() => readConfig({ environment }, { workers: 1 })).not.toThrow();
    },
  );

  it('passes docker-compose config, where that is installed', () => {
    const { error, status, stderr } = spawnSync('docker-compose', ['-f', file, 'config', '-q'], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (error) expect(error).toMatchObject({ code: 'ENOENT' });
    else expect([status, stderr]).toEqual([0, '']);
  });
});

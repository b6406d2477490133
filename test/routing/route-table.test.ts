import { describe, expect, it } from 'vitest';
import { upstreamPath } from '../../data-plane/routing/route.js';
import { RouteTable } from '../../data-plane/routing/route-table.js';
import { type Hostname, parseHostname } from '../../shared/hostname.js';
import { revision } from '../../shared/revision.js';
import { type ApiSpec, MemoryStore } from '../proxy/support/memory-store.js';

function host(name: string): Hostname {
  const parsed = parseHostname(name);
  if (parsed === undefined) throw new Error(`not a name: ${name}`);
  return parsed;
}

function table(specs: readonly ApiSpec[]) {
  const store = new MemoryStore(specs);
  return { store, routes: new RouteTable(store) };
}

const upstream = 'http://127.0.0.1:9000';

describe('RouteTable', () => {
  it('finds an exact host in any letter case of the API and of the client', () => {
    const { routes } = table([{ host: 'Shop.Example.org', upstream }]);
    expect(routes.route(host('SHOP.example.ORG'), [], '/')?.by).toBe('host');
  });

  it('prefers the exact host, then the longest wildcard, leading or trailing', () => {
    const { routes } = table([
      { name: 'wide', host: '*.org', upstream },
      { name: 'narrow', host: '*.example.org', upstream },
      { name: 'trailing', host: 'www.example.*', upstream },
      { name: 'exact', host: 'a.example.org', upstream },
    ]);
    const nameOf = (text: string) => routes.selectByHost(host(text))?.route.api.name;
    expect(nameOf('a.example.org')).toBe('exact');
    expect(nameOf('b.c.example.org')).toBe('narrow');
    expect(nameOf('example.org')).toBe('wide');
    expect(nameOf('www.example.co.uk')).toBe('trailing');
    expect(nameOf('www.example.org')).toBe('narrow');
    expect(nameOf('xexample.test')).toBeUndefined();
  });

  it('lets a wildcard stand for one character or more, never for none', () => {
    const { routes } = table([{ host: '*.example.org', upstream }]);
    expect(routes.selectByHost(host('example.org'))).toBeUndefined();
  });

  it('asks X-Host-Override after Host and before the path', () => {
    const { routes } = table([
      { name: 'by-host', host: 'a.test', upstream },
      { name: 'by-override', host: 'b.test', upstream },
      { name: 'by-path', path: '/p', upstream },
    ]);
    const nameOf = (name: string, overrides: string[]) =>
      routes.route(host(name), overrides, '/p')?.route.api.name;
    expect(nameOf('a.test', ['b.test'])).toBe('by-host');
    expect(nameOf('x.test', ['b.test:8000'])).toBe('by-override');
    expect(nameOf('x.test', ['y.test'])).toBe('by-path');
  });

  it('matches whole path segments, the longest prefix first, case-sensitively', () => {
    const { routes } = table([
      { name: 'root', path: '/', upstream },
      { name: 'a', path: '/a', upstream },
      { name: 'a-b', path: '/a/b', upstream },
    ]);
    const nameOf = (path: string) => routes.selectByPath(path)?.route.api.name;
    expect(nameOf('/a')).toBe('a');
    expect(nameOf('/a/')).toBe('a');
    expect(nameOf('/a/b/c')).toBe('a-b');
    expect(nameOf('/a/bc')).toBe('a');
    expect(nameOf('/ab')).toBe('root');
    expect(nameOf('/A')).toBe('root');
    expect(nameOf('/a%2Fb')).toBe('root');
  });

  it('asks the store once per host, for names without an API too, until a revision changes them', () => {
    const { store, routes } = table([{ host: 'a.test', upstream }]);
    for (let i = 0; i < 3; i++) {
      routes.route(host('a.test'), [], '/');
      routes.route(host('b.test'), [], '/');
    }
    expect(store.lookups).toBe(2);

    store.replace([{ host: 'b.test', upstream }]);
    routes.refresh({
      revision: revision(1),
      hosts: ['a.test', 'b.test'],
      patternsChanged: false,
    });
    expect(routes.route(host('a.test'), [], '/')).toBeUndefined();
    expect(routes.route(host('b.test'), [], '/')?.by).toBe('host');
  });

  it('remembers no server name that a handshake asks for, however many are made up', () => {
    const { store, routes } = table([{ host: 'a.test', upstream }]);
    for (let i = 0; i < 3; i++) {
      expect(routes.bindingOfServerName(host('a.test'))).toBeDefined();
      expect(routes.bindingOfServerName(host('made-up.test'))).toBeUndefined();
    }
    expect(store.lookups).toBe(3 + 3);
  });

  it('indexes wildcards and paths anew when they changed', () => {
    const { store, routes } = table([{ host: '*.a.test', upstream }]);
    store.replace([{ path: '/p', upstream }]);
    routes.refresh({ revision: revision(1), hosts: [], patternsChanged: true });
    expect(routes.selectByHost(host('x.a.test'))).toBeUndefined();
    expect(routes.selectByPath('/p')?.by).toBe('path');
  });

  it('answers a server name with the exact API even if only a wildcard one has a plugin', () => {
    const { routes } = table([
      { name: 'exact', host: 'a.example.org', upstream },
      { name: 'wildcard', host: '*.example.org', upstream, ssl: {} },
    ]);
    expect(routes.selectByServerName(host('a.example.org'))?.ssl).toBeUndefined();
    expect(routes.selectByServerName(host('b.example.org'))?.ssl).toBeDefined();
    expect(routes.bindingOfServerName(host('a.example.org'))).toEqual({
      requestHost: 'a.example.org',
      certificateId: undefined,
    });
    expect(routes.bindingOfServerName(host('b.example.org'))).toEqual({
      requestHost: '*.example.org',
      certificateId: routes.selectByServerName(host('b.example.org'))?.ssl?.config.certificateId,
    });
  });
});

describe('upstreamPath', () => {
  it.each([
    ['/p', false, 'http://u', '/p', '/p'],
    ['/p', false, 'http://u/base', '/p/', '/base/p/'],
    ['/p', true, 'http://u', '/p', '/'],
    ['/p', true, 'http://u/', '/p/', '/'],
    ['/p', true, 'http://u', '/p/x/', '/x/'],
    ['/p', true, 'http://u', '/p/p/x', '/p/x'],
    ['/p', true, 'http://u/base', '/p', '/base'],
    ['/p', true, 'http://u/base/', '/p', '/base'],
    ['/p', true, 'http://u/base', '/p/', '/base/'],
    ['/p', true, 'http://u/p', '/p/x', '/p/x'],
    ['/', true, 'http://u/base', '/x', '/base/x'],
    ['/p', true, 'http://u/base', '/p/../x', '/base/../x'],
  ])(
    'request_path %s, strip %s, upstream %s: %s becomes %s',
    (path, strip, url, request, expected) => {
      const { routes } = table([{ path, strip, upstream: url }]);
      const match = routes.selectByPath(request);
      const target = match?.route.target;
      if (match === undefined || target === undefined) throw new Error('no route');
      expect(upstreamPath(match.route, target, request, true)).toBe(expected);
    },
  );

  it('strips nothing from a path that was not what found the API', () => {
    const { routes } = table([
      { host: 'a.test', path: '/p', strip: true, upstream: 'http://u/b/' },
    ]);
    const match = routes.route(host('a.test'), [], '/p/x');
    const target = match?.route.target;
    if (match === undefined || target === undefined) throw new Error('no route');
    expect(upstreamPath(match.route, target, '/p/x', match.by === 'path')).toBe('/b/p/x');
  });
});

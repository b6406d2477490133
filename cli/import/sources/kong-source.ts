import {
  type ApiDraft,
  type PluginSettings,
  type Refused,
  type SourceBinding,
  SourceError,
  type SourceReading,
} from './source.js';
import { type Fields, flagOf, isRecord, records, textOf, texts } from './values.js';

/** Whether this is Kong's declarative configuration, of decK, kongfig or Kong itself. */
export function isKongConfiguration(document: unknown): boolean {
  const lists = ['apis', 'services', 'routes', 'certificates'];
  return isRecord(document) && lists.some((name) => Array.isArray(document[name]));
}

/**
 * Kong's declarative configuration: `certificates` with their `snis`, which go to the hosts of `routes`,
 * and the classic `apis` with the `ssl` plugin.
 * @throws SourceError
 */
export function readKong(file: string, document: unknown): SourceReading {
  if (!isRecord(document) || !isKongConfiguration(document)) {
    throw new SourceError(`${file} holds no apis, services, routes or certificates`);
  }
  const reader = new KongReader(file, document);
  reader.readApis();
  reader.readRoutes();
  return {
    format: 'kong',
    ...{ bindings: reader.bindings, apis: reader.apis, refused: reader.refused, loose: [] },
  };
}

interface RouteTarget {
  readonly draft: ApiDraft | undefined;
  readonly settings: PluginSettings;
}

class KongReader {
  readonly bindings: SourceBinding[] = [];
  readonly apis = new Map<string, ApiDraft>();
  readonly refused: Refused[] = [];
  readonly #file: string;
  readonly #document: Fields;

  constructor(file: string, document: Fields) {
    this.#file = file;
    this.#document = document;
  }

  /** Kong's first releases: an API is a host, and its certificate is in its `ssl` plugin. */
  readApis(): void {
    const list = records(this.#document['apis']);
    for (const [index, entry] of list.entries()) {
      // kongfig keeps what the admin API takes below `attributes`.
      const api = attributesOf(entry);
      const name = textOf(entry, 'name');
      const plugin = [...records(entry['plugins']), ...this.#pluginsOf(name)].find(
        (each) => textOf(each, 'name') === 'ssl',
      );
      if (plugin === undefined) continue;
      const hosts = [...texts(api['request_host']), ...texts(api['hosts'])];
      const place = `${this.#file}: apis[${index}]`;
      const fields = attributesOf(plugin);
      if (hosts.length === 0) {
        this.#refuse(place, 'it has the ssl plugin and no host to show its certificate for');
      } else if (flagOf(fields, 'enabled') === false) {
        this.#refuse(place, 'its ssl plugin is switched off');
      } else {
        this.#bind(place, isRecord(fields['config']) ? fields['config'] : {}, hosts);
        this.#addApis(api, name, hosts);
      }
    }
  }

  /** Kong since 0.14: a certificate belongs to its SNIs, and a route says which hosts lead where. */
  readRoutes(): void {
    const targets = this.#targetsByHost();
    const certificates = records(this.#document['certificates']);
    const owners = certificates.map((each) => this.#snisOf(each));
    const hostsOf = owners.map((snis) => new Set([...snis].filter((sni) => sni !== '*')));
    for (const host of targets.keys()) {
      const owner = ownerOf(host, owners);
      if (owner !== undefined) hostsOf[owner]?.add(host);
      else this.#refuse(host, 'no certificate of the file has it among its SNIs');
    }
    for (const [index, certificate] of certificates.entries()) {
      const place = `${this.#file}: certificates[${index}]`;
      if (owners[index]?.has('*')) {
        this.#refuse(place, 'the SNI * stands for all other names: set it as ssl_cert_path');
      }
      for (const [settings, hosts] of bySettings(hostsOf[index] ?? [], targets)) {
        this.#bind(place, { ...certificate, ...settings }, hosts);
      }
    }
    for (const [host, { draft }] of targets) {
      if (draft !== undefined && !this.apis.has(host)) this.apis.set(host, draft);
    }
  }

  #bind(place: string, config: Fields, hosts: readonly string[]): void {
    const only_https = flagOf(config, 'only_https');
    const accept = flagOf(config, 'accept_http_if_already_terminated');
    this.bindings.push({
      cert: { name: `${place}.cert`, inline: textOf(config, 'cert') },
      key: { name: `${place}.key`, inline: textOf(config, 'key') },
      hosts: hosts.map((host) => host.toLowerCase()),
      settings: {
        ...(only_https !== undefined && { only_https }),
        ...(accept !== undefined && { accept_http_if_already_terminated: accept }),
      },
    });
  }

  #addApis(api: Fields, name: string, hosts: readonly string[]): void {
    const upstream_url = textOf(api, 'upstream_url');
    if (upstream_url === '') return;
    const preserve_host = flagOf(api, 'preserve_host');
    const strip_request_path = flagOf(api, 'strip_request_path');
    const request_path = textOf(api, 'request_path');
    for (const host of hosts) {
      this.apis.set(host.toLowerCase(), {
        upstream_url,
        // Names are unique, and an API has one host.
        ...(name !== '' && hosts.length === 1 && { name }),
        ...(preserve_host !== undefined && { preserve_host }),
        ...(request_path !== '' && { request_path }),
        ...(strip_request_path !== undefined && { strip_request_path }),
      });
    }
  }

  #pluginsOf(api: string): readonly Fields[] {
    return records(this.#document['plugins']).filter((plugin) => refersTo(plugin['api'], api));
  }

  #snisOf(certificate: Fields): ReadonlySet<string> {
    const id = textOf(certificate, 'id');
    const own = Array.isArray(certificate['snis']) ? certificate['snis'] : [];
    const names = own.map((sni) => (isRecord(sni) ? textOf(sni, 'name') : String(sni)));
    const apart = records(this.#document['snis'])
      .filter((sni) => id !== '' && refersTo(sni['certificate'], id))
      .map((sni) => textOf(sni, 'name'));
    return new Set([...names, ...apart].map((name) => name.toLowerCase()));
  }

  #targetsByHost(): Map<string, RouteTarget> {
    const services = records(this.#document['services']);
    const routes = services.flatMap((service) =>
      records(service['routes']).map((route) => ({ route, service })),
    );
    for (const route of records(this.#document['routes'])) {
      const service = services.find(
        (each) =>
          refersTo(route['service'], textOf(each, 'name')) ||
          refersTo(route['service'], textOf(each, 'id')),
      );
      if (service !== undefined) routes.push({ route, service });
    }
    const targets = new Map<string, RouteTarget>();
    for (const { route, service } of routes) {
      const protocols = texts(route['protocols']);
      const settings = protocols.length === 1 && protocols[0] === 'https' && { only_https: true };
      const draft = this.#draftOf(route, service);
      for (const host of texts(route['hosts']).map((each) => each.toLowerCase())) {
        const known = targets.get(host);
        if (known === undefined) targets.set(host, { draft, settings: settings || {} });
        else if (known.draft?.upstream_url !== draft?.upstream_url) {
          const name = textOf(route, 'name') || textOf(service, 'name');
          this.#refuse(
            `${host} (${name})`,
            'a host leads to one upstream here, its first is taken',
          );
        }
      }
    }
    return targets;
  }

  #draftOf(route: Fields, service: Fields): ApiDraft | undefined {
    const upstream_url = textOf(service, 'url') || this.#urlOf(service);
    if (upstream_url === '') return undefined;
    const upstream_targets = this.#targetsOf(service);
    const preserve_host = flagOf(route, 'preserve_host');
    return {
      upstream_url,
      ...(upstream_targets.length > 0 && { upstream_targets }),
      ...(preserve_host !== undefined && { preserve_host }),
    };
  }

  #urlOf(service: Fields): string {
    const host = textOf(service, 'host');
    if (host === '') return '';
    const protocol = textOf(service, 'protocol') || 'http';
    const port = typeof service['port'] === 'number' ? `:${service['port']}` : '';
    return `${protocol}://${host}${port}${textOf(service, 'path')}`;
  }

  /** Where the service's host names an upstream: its servers, but for those that are taken out. */
  #targetsOf(service: Fields): readonly string[] {
    const host = textOf(service, 'host') || hostOf(textOf(service, 'url'));
    const upstream = records(this.#document['upstreams']).find(
      (each) => host !== '' && textOf(each, 'name') === host,
    );
    return records(upstream?.['targets']).flatMap((target) => {
      const weight = typeof target['weight'] === 'number' ? target['weight'] : 100;
      return weight > 0 ? [`${textOf(target, 'target')} weight=${Math.min(weight, 1000)}`] : [];
    });
  }

  #refuse(what: string, reason: string): void {
    this.refused.push({ what, reason });
  }
}

function attributesOf(entry: Fields): Fields {
  return isRecord(entry['attributes']) ? { ...entry, ...entry['attributes'] } : entry;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

/** Kong refers to an entity by its name or ID, bare or in an object. */
function refersTo(reference: unknown, nameOrId: string): boolean {
  if (nameOrId === '') return false;
  if (isRecord(reference)) {
    return textOf(reference, 'name') === nameOrId || textOf(reference, 'id') === nameOrId;
  }
  return reference === nameOrId;
}

/** Which certificate Kong shows: the one with that very SNI, else with the wildcard over its first label. */
function ownerOf(host: string, owners: readonly ReadonlySet<string>[]): number | undefined {
  for (const sni of [host, host.replace(/^[^.]+/, '*')]) {
    const index = owners.findIndex((snis) => snis.has(sni));
    if (index !== -1) return index;
  }
  return undefined;
}

/** Hosts of one certificate, apart where their routes ask for other settings. */
function bySettings(
  hosts: Iterable<string>,
  targets: ReadonlyMap<string, RouteTarget>,
): readonly (readonly [PluginSettings, readonly string[]])[] {
  const httpsOnly: string[] = [];
  const both: string[] = [];
  for (const host of hosts) {
    const isHttpsOnly = targets.get(host)?.settings.only_https === true;
    (isHttpsOnly ? httpsOnly : both).push(host);
  }
  return [
    ...(both.length > 0 ? [[{}, both] as const] : []),
    ...(httpsOnly.length > 0 ? [[{ only_https: true }, httpsOnly] as const] : []),
  ];
}

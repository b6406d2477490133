import { isRsa, rsaCost } from '../../control-plane/certificates/rsa-cost.js';
import type { FoundChain, FoundKey, PemContent } from './read-pem-texts.js';
import type {
  ApiDraft,
  PemText,
  PluginSettings,
  Refused,
  SourceBinding,
  SourceReading,
} from './sources/source.js';

/** A certificate for one host, and where its halves lie. */
export interface PlannedUpload {
  readonly host: string;
  readonly fingerprint256: string;
  readonly cert: PemText;
  readonly key: PemText;
  readonly settings: PluginSettings;
  /** The API to add where the gateway has none for the host. */
  readonly api: ApiDraft | undefined;
}

export interface ImportPlan {
  readonly uploads: readonly PlannedUpload[];
  readonly refused: readonly Refused[];
  /** What is taken, and could be better. */
  readonly advice: readonly string[];
}

/** A chain with its key. */
interface Pair {
  readonly chain: FoundChain;
  readonly cert: PemText;
  readonly key: PemText;
  readonly settings: PluginSettings;
}

/** Every text of a source, each once. */
export function textsOf(source: SourceReading): readonly PemText[] {
  const all = [...source.loose, ...source.bindings.flatMap(({ cert, key }) => [cert, key])];
  return [...new Map(all.map((text) => [text.name, text])).values()];
}

/**
 * Brings chains, keys and hosts together. Where the source says what belongs together, that is checked;
 * loose texts find each other by the key itself, whatever they are called. Of several chains for a host
 * the one that ends last is taken.
 */
export function planImport(
  source: SourceReading,
  contents: readonly PemContent[],
  now: number,
): ImportPlan {
  const plan = new Plan(contents, now);
  for (const binding of source.bindings) plan.addBinding(binding);
  plan.addLoose(source.loose);
  const uploads = [...plan.byHost].map(([host, { chain, cert, key, settings }]) => ({
    ...{ host, cert, key, settings },
    fingerprint256: chain.fingerprint256,
    api: source.apis.get(host),
  }));
  return {
    uploads: uploads.sort((a, b) => a.host.localeCompare(b.host)),
    refused: [...source.refused, ...plan.refused],
    advice: keyAdvice([...plan.byHost.values()]),
  };
}

class Plan {
  readonly byHost = new Map<string, Pair>();
  readonly refused: Refused[] = [];
  readonly #now: number;
  readonly #chains = new Map<string, FoundChain>();
  readonly #keys = new Map<string, FoundKey>();
  readonly #faulty = new Set<string>();

  constructor(contents: readonly PemContent[], now: number) {
    this.#now = now;
    for (const { chains, keys, refused } of contents) {
      for (const chain of chains) this.#chains.set(chain.name, chain);
      for (const key of keys) this.#keys.set(key.name, key);
      for (const { name, reason } of refused) {
        this.#faulty.add(name);
        this.#refuse(name, reason);
      }
    }
  }

  addBinding({ cert, key, hosts, settings = {} }: SourceBinding): void {
    const chain = this.#chains.get(cert.name);
    const keyFound = this.#keys.get(key.name);
    if (chain === undefined) {
      this.#refuseOnce(cert.name, 'it holds no certificate');
    } else if (keyFound === undefined) {
      this.#refuseOnce(key.name, 'it holds no private key');
    } else if (chain.keyId !== keyFound.keyId) {
      this.#refuse(cert.name, `the key in ${key.name} belongs to another certificate`);
    } else {
      this.#add({ chain, cert, key, settings }, hosts ?? chain.names);
    }
  }

  addLoose(texts: readonly PemText[]): void {
    const keyTexts = new Map<string, PemText>();
    for (const text of texts) {
      const key = this.#keys.get(text.name);
      if (key !== undefined) keyTexts.set(key.keyId, text);
    }
    for (const cert of texts) {
      const chain = this.#chains.get(cert.name);
      if (chain === undefined) continue;
      const key = keyTexts.get(chain.keyId);
      if (key !== undefined) this.#add({ chain, cert, key, settings: {} }, chain.names);
      // certbot keeps chain.pem, the intermediates alone, beside fullchain.pem: no fault of anyone.
      else if (!chain.isAuthority) this.#refuse(cert.name, 'its key is not there');
    }
  }

  #add(pair: Pair, hosts: readonly string[]): void {
    if (pair.chain.notAfter <= this.#now) {
      this.#refuse(pair.cert.name, 'the certificate expired');
      return;
    }
    if (hosts.length === 0) this.#refuse(pair.cert.name, 'it is for no host name');
    for (const host of hosts.map((name) => name.toLowerCase())) {
      const other = this.byHost.get(host);
      if (other === undefined || prefers(pair.chain, other.chain)) this.byHost.set(host, pair);
    }
  }

  /** What could not be read has been refused with the reason, and several bindings may name it. */
  #refuseOnce(name: string, reason: string): void {
    if (this.#faulty.has(name)) return;
    this.#faulty.add(name);
    this.#refuse(name, reason);
  }

  #refuse(what: string, reason: string): void {
    this.refused.push({ what, reason });
  }
}

function keyAdvice(pairs: readonly Pair[]): string[] {
  const costs = pairs
    .map(({ chain }) => chain.keyAlgorithm)
    .filter(isRsa)
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap((algorithm) => rsaCost(algorithm) ?? []);
  const greatest = costs.at(-1);
  if (greatest === undefined) return [];
  return [`${costs.length} of ${pairs.length} hosts come with an RSA key: ${greatest}`];
}

function prefers(chain: FoundChain, other: FoundChain): boolean {
  if (chain.notAfter !== other.notAfter) return chain.notAfter > other.notAfter;
  // The same leaf in two files: the one with the intermediates, as fullchain.pem beside cert.pem.
  return chain.certificates > other.certificates;
}

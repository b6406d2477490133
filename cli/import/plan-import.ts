import type { FoundChain, FoundKey, PemFileContent } from './read-pem-file.js';

/** A certificate for one host, and where its halves lie. */
export interface PlannedUpload {
  readonly host: string;
  readonly fingerprint256: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Refused {
  /** A file or a host. */
  readonly what: string;
  readonly reason: string;
}

export interface ImportPlan {
  readonly uploads: readonly PlannedUpload[];
  readonly refused: readonly Refused[];
}

/**
 * Brings chains and keys together by the key itself, whatever their files are called, and picks one
 * chain for each host: the one that ends last.
 */
export function planImport(contents: readonly PemFileContent[], now: number): ImportPlan {
  const keys = new Map<string, FoundKey>();
  for (const { keys: found } of contents) for (const key of found) keys.set(key.keyId, key);
  const refused: Refused[] = contents.flatMap((content) =>
    content.refused.map(({ file, reason }) => ({ what: file, reason })),
  );
  const byHost = new Map<string, { readonly chain: FoundChain; readonly key: FoundKey }>();
  for (const chain of contents.flatMap((content) => content.chains)) {
    const key = keys.get(chain.keyId);
    if (key === undefined) {
      // certbot keeps chain.pem, the intermediates alone, beside fullchain.pem: no fault of anyone.
      if (!chain.isAuthority) refused.push({ what: chain.file, reason: 'its key is not there' });
    } else if (chain.notAfter <= now) {
      refused.push({ what: chain.file, reason: 'the certificate expired' });
    } else {
      for (const host of chain.names.map((name) => name.toLowerCase())) {
        const other = byHost.get(host)?.chain;
        if (other === undefined || prefers(chain, other)) byHost.set(host, { chain, key });
      }
    }
  }
  const uploads = [...byHost].map(([host, { chain, key }]) => ({
    host,
    fingerprint256: chain.fingerprint256,
    certFile: chain.file,
    keyFile: key.file,
  }));
  return { uploads: uploads.sort((a, b) => a.host.localeCompare(b.host)), refused };
}

function prefers(chain: FoundChain, other: FoundChain): boolean {
  if (chain.notAfter !== other.notAfter) return chain.notAfter > other.notAfter;
  // The same leaf in two files: the one with the intermediates, as fullchain.pem beside cert.pem.
  return chain.certificates > other.certificates;
}

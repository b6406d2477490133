/** What dropped files hold, put where it belongs whatever the files are called. */
export interface PemParts {
  readonly chain?: string;
  readonly key?: string;
  readonly problem?: string;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

export function sortPem(texts: readonly string[]): PemParts {
  const certificates: string[] = [];
  const keys: string[] = [];
  const others: string[] = [];
  for (const [text, label = ''] of texts.join('\n').matchAll(block)) {
    if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(label)) certificates.push(text);
    else if (label.endsWith('PRIVATE KEY')) keys.push(text);
    else if (label !== 'EC PARAMETERS' && label !== 'DH PARAMETERS') others.push(label);
  }
  const [key] = keys;
  const problem =
    keys.length > 1
      ? 'There is more than one private key; drop the one that belongs to the leaf'
      : others.length > 0
        ? `“${others.join(', ')}” is neither a certificate nor a private key`
        : certificates.length === 0 && key === undefined
          ? 'There is no PEM text in it: neither a certificate nor a private key'
          : undefined;
  return {
    ...(certificates.length > 0 && { chain: `${certificates.join('\n')}\n` }),
    ...(key !== undefined && keys.length === 1 && { key: `${key}\n` }),
    ...(problem !== undefined && { problem }),
  };
}

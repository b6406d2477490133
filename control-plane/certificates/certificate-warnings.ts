import { isServerName, parseHostname } from '../../shared/hostname.js';
import type { ParsedChain } from './parse-chain.js';

const day = 86_400_000;
/** A leaf that ends this soon gets a warning, unless it was short-lived from the start. */
const soonMs = 14 * day;

/** What is taken but probably not meant, one sentence each. Plain ASCII, fit for a header. */
export function certificateWarnings(
  chain: ParsedChain,
  requestHost: string | undefined,
  now: number,
): readonly string[] {
  const warnings: string[] = [];
  const warn = (applies: boolean, text: string) => {
    if (applies) warnings.push(text);
  };
  const { notBefore, notAfter, names, keyAlgorithm } = chain;
  if (requestHost !== undefined && !names.some((name) => covers(name, requestHost.toLowerCase()))) {
    const list = names.slice(0, 5).join(', ') || 'no host name at all';
    const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
    warn(true, `the certificate does not cover ${requestHost}; it covers ${list}${more}`);
  }
  warn(
    requestHost !== undefined && !canBeAskedFor(requestHost),
    `clients of ${requestHost} see the default certificate: SNI has no addresses, and here at most ten labels`,
  );
  warn(now >= notAfter, `the certificate expired on ${dateOf(notAfter)}`);
  const left = notAfter - now;
  warn(
    left > 0 && left < soonMs && left < (notAfter - notBefore) / 3,
    `the certificate expires soon, on ${dateOf(notAfter)}`,
  );
  warn(now < notBefore, `the certificate is not valid before ${dateOf(notBefore)}`);
  const rsaBits = keyAlgorithm.startsWith('rsa-') ? Number(keyAlgorithm.slice(4)) : undefined;
  warn(
    rsaBits !== undefined && rsaBits < 2048,
    `an RSA key of ${rsaBits} bits is weak; use P-256 or at least 2048 bits`,
  );
  warn(keyAlgorithm === 'ed25519', 'browsers cannot use Ed25519 certificates; P-256 suits all');
  warn(
    !chain.hasSubjectAltName,
    'the certificate has no subjectAltName; clients of today look at nothing else',
  );
  for (const [index, { validTo }] of chain.intermediates.entries()) {
    warn(Date.parse(validTo) <= now, `certificate ${index + 2} of the chain expired`);
  }
  return warnings;
}

/**
 * RFC 9525 §6.3: equal, or a wildcard as the whole left-most label, which stands for one label. A
 * `request_host` that is a wildcard itself is covered by the very same pattern only.
 */
export function covers(name: string, host: string): boolean {
  if (name === host) return true;
  if (!name.startsWith('*.') || host.includes('*')) return false;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === name.slice(1);
}

/** Of a pattern, whether the shortest name that it matches can be. */
function canBeAskedFor(requestHost: string): boolean {
  const shortest = parseHostname(requestHost.replace('*', 'a'));
  return shortest === undefined || isServerName(shortest);
}

function dateOf(time: number): string {
  return Number.isFinite(time) ? new Date(time).toISOString().slice(0, 10) : 'an unknown date';
}

import { X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Api, UpstreamServer } from '../../../shared/gateway-model.js';
import type { UpstreamSettings } from '../../domain/commands.js';
import type { RawObject } from '../body/raw-value.js';
import { excerpt, type Input, unsetFields } from './fields.js';

/** How an API's upstream is reached: what Kong's API object had no fields for. */
export const upstreamFields = {
  upstream_targets: {
    type: 'list',
    optional: true,
    unsettable: true,
    maxItems: 64,
    maxLength: 300,
    check: (target: string) =>
      readServer(target) === undefined
        ? `not host[:port] [weight=1 to ${maxWeight}]: '${excerpt(target)}'`
        : undefined,
    description:
      'Servers behind `upstream_url`, each as `host[:port] [weight=1]`; scheme, `Host`, path and the name that certificates must have stay those of the URL.',
  },
  upstream_ca: {
    type: 'string',
    optional: true,
    unsettable: true,
    maxLength: 64 * 1024,
    check: checkCa,
    description: "PEM certificates that may vouch for an https upstream, in place of the system's.",
  },
  upstream_verify: {
    type: 'boolean',
    optional: true,
    unsettable: true,
    description:
      "Whether an https upstream's certificate is verified; absent: as `upstream_tls_verify` says.",
  },
} as const;

/** The given fields of them. */
export function readUpstream(input: Input<typeof upstreamFields>): UpstreamSettings {
  const { upstream_targets: targets, upstream_ca: ca, upstream_verify: verify } = input;
  return {
    ...(targets !== undefined && {
      upstreamTargets: targets.flatMap((target) => readServer(target) ?? []),
    }),
    ...(ca !== undefined && { upstreamCa: `${certificateBlocks(ca).join('\n')}\n` }),
    ...(verify !== undefined && { upstreamVerify: verify }),
  };
}

/** Those of them that a change takes away. */
export function readUnsetUpstream(raw: RawObject): readonly (keyof UpstreamSettings)[] {
  return unsetFields(upstreamFields, raw).map((field) => settingOf[field]);
}

const settingOf = {
  upstream_targets: 'upstreamTargets',
  upstream_ca: 'upstreamCa',
  upstream_verify: 'upstreamVerify',
} as const;

/** Inverse of `readUpstream`; what Kong has not is left out unless it was given. */
export function presentUpstream({ upstreamTargets = [], upstreamCa, upstreamVerify }: Api) {
  return {
    ...(upstreamTargets.length > 0 && { upstream_targets: upstreamTargets.map(presentServer) }),
    ...(upstreamCa !== undefined && { upstream_ca: upstreamCa.trim() }),
    ...(upstreamVerify !== undefined && { upstream_verify: upstreamVerify }),
  };
}

const maxWeight = 1000;
const serverSyntax =
  /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_-][A-Za-z0-9._-]*))(?::([0-9]{1,5}))?(?:\s+weight=([0-9]{1,4}))?$/;

function readServer(text: string): UpstreamServer | undefined {
  const [, address, name, port, weightText = '1'] = serverSyntax.exec(text) ?? [];
  const host = address ?? name;
  const weight = Number(weightText);
  if (host === undefined || host.length > 253) return undefined;
  if (address !== undefined && !isIPv6(address)) return undefined;
  if (weight < 1 || weight > maxWeight) return undefined;
  if (port === undefined) return { host, weight };
  const number = Number(port);
  return number < 1 || number > 65_535 ? undefined : { host, port: number, weight };
}

function presentServer({ host, port, weight }: UpstreamServer): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${name}${port === undefined ? '' : `:${port}`}${weight === 1 ? '' : ` weight=${weight}`}`;
}

function checkCa(pem: string): string | undefined {
  // It would stay in the log for ever.
  if (pem.includes('PRIVATE KEY')) return 'upstream_ca holds a private key; send certificates only';
  const blocks = certificateBlocks(pem);
  return blocks.length > 0 && blocks.every(isCertificate)
    ? undefined
    : 'upstream_ca is not one or more PEM certificates';
}

function certificateBlocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).raw.length > 0;
  } catch {
    return false;
  }
}

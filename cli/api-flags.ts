import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Answer } from './admin-connection.js';

/** What `addApiFlags` lets a user say of an API. */
export interface ApiFlags {
  readonly name?: string;
  readonly host?: string;
  readonly path?: string;
  readonly stripPath?: boolean;
  readonly preserveHost?: boolean;
  readonly target?: readonly string[];
  readonly upstreamCa?: string;
  readonly upstreamVerify?: boolean;
}

export function addApiFlags(command: Command): Command {
  return command
    .option('--host <host>', 'request_host, may begin or end with a * label')
    .option('--path <path>', 'request_path')
    .option('--name <name>', 'name (default: made from host or path)')
    .option('--strip-path', 'take the path off before it goes upstream')
    .option('--preserve-host', "send the client's Host header on")
    .option('--target <server...>', "servers behind the URL: 'host[:port] [weight=1]'")
    .option('--upstream-ca <file>', 'PEM certificates that may vouch for an https upstream')
    .option('--upstream-verify', "verify an https upstream's certificate")
    .option('--no-upstream-verify', 'take any certificate of an https upstream');
}

/** The fields of Kong's API object, and of ours, that were said. @throws if the file can't be read */
export function apiFields(flags: ApiFlags): Answer {
  return defined({
    name: flags.name,
    request_host: flags.host,
    request_path: flags.path,
    strip_request_path: flags.stripPath,
    preserve_host: flags.preserveHost,
    upstream_targets: flags.target,
    upstream_ca: flags.upstreamCa && readFileSync(flags.upstreamCa, 'utf8'),
    upstream_verify: flags.upstreamVerify,
  });
}

/** What `addHttpsFlags` lets a user say of an API's ssl plugin, besides its certificate. */
export interface HttpsFlags {
  readonly onlyHttps?: boolean;
  readonly acceptTerminated?: boolean;
  readonly redirect?: string;
  readonly hstsMaxAge?: string;
  readonly hstsIncludeSubdomains?: boolean;
  readonly hstsPreload?: boolean;
}

export function addHttpsFlags(command: Command): Command {
  return command
    .option('--only-https', 'answer plain HTTP with 426, or with --redirect')
    .option('--no-only-https', 'serve plain HTTP too')
    .option('--accept-terminated', 'take plain HTTP with X-Forwarded-Proto: https for HTTPS')
    .option('--no-accept-terminated', 'take it for plain HTTP')
    .addOption(
      new Option('--redirect <status>', 'how --only-https answers').choices(redirectStatuses),
    )
    .option('--hsts-max-age <seconds>', 'Strict-Transport-Security on answers over HTTPS')
    .option('--hsts-include-subdomains', 'for all subdomains too')
    .option('--no-hsts-include-subdomains', 'for the host alone')
    .option('--hsts-preload', 'browsers may build it in')
    .option('--no-hsts-preload', 'they may not');
}

const redirectStatuses = ['301', '302', '307', '308', '426'];

/** The settings of the ssl plugin that were said. */
export function httpsSettings(flags: HttpsFlags): Answer {
  return defined({
    only_https: flags.onlyHttps,
    accept_http_if_already_terminated: flags.acceptTerminated,
    https_redirect_status_code: flags.redirect,
    hsts_max_age: flags.hstsMaxAge,
    hsts_include_subdomains: flags.hstsIncludeSubdomains,
    hsts_preload: flags.hstsPreload,
  });
}

export interface UnsetFlag {
  readonly unset?: readonly string[];
}

/** `--unset`, for the fields that a change can take away. */
export function unsetOption(fields: readonly string[]): Option {
  return new Option('--unset <field...>', 'take a field away').choices(fields);
}

/** Those fields as a PATCH says it. */
export function unsetFields({ unset = [] }: UnsetFlag): Answer {
  return Object.fromEntries(unset.map((field) => [field, null]));
}

function defined(fields: Answer): Answer {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

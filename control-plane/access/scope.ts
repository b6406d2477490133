/**
 * What a credential is good for.
 *
 * - `admin`: everything, also making and revoking credentials.
 * - `write`: the configuration, reading included.
 * - `read`: the configuration, status and metrics.
 * - `events`: the event log and what is derived from it.
 * - `nodes`: the fleet: seeing nodes, admitting and revoking them. As good as all private keys, since
 *   an admitted node has them.
 * - `certificates:HOST`: certificates of the APIs whose `request_host` is HOST, or lies under it where
 *   HOST begins with `*.`; nothing else.
 */
export type Scope = PlainScope | `certificates:${string}`;
export type PlainScope = (typeof plainScopes)[number];

export const plainScopes = ['admin', 'write', 'read', 'events', 'nodes'] as const;

const certificateScope = /^certificates:((?:\*\.)?[0-9a-z_-]+(?:\.[0-9a-z_-]+)*)$/;

/** Host names in any letter case. `undefined` if `text` names no scope. */
export function parseScope(text: string): Scope | undefined {
  const plain = plainScopes.find((scope) => scope === text);
  if (plain !== undefined) return plain;
  const scope = text.toLowerCase();
  return scope.length <= 270 && certificateScope.test(scope)
    ? (scope as `certificates:${string}`)
    : undefined;
}

/** What one request asks for: any one of these scopes admits it. */
export type Need = readonly PlainScope[];

export function isGranted(scopes: readonly Scope[], need: Need): boolean {
  return scopes.some(
    (scope) =>
      scope === 'admin' ||
      need.some((needed) => scope === needed || (scope === 'write' && needed === 'read')),
  );
}

/** Whether a credential may handle the certificates of an API with this `request_host`. */
export function coversHost(scopes: readonly Scope[], requestHost: string | undefined): boolean {
  if (requestHost === undefined) return false;
  const host = requestHost.toLowerCase();
  return scopes.some((scope) => {
    if (!scope.startsWith('certificates:')) return false;
    const pattern = scope.slice('certificates:'.length);
    return pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
  });
}

export function isLimitedToHosts(scopes: readonly Scope[]): boolean {
  return scopes.some((scope) => scope.startsWith('certificates:'));
}

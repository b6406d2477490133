import type { Need } from './scope.js';

/** What admits a request: nothing at all, or a scope. */
export type Requirement = 'nothing' | Need;

const reading = ['GET', 'HEAD'];

/**
 * What a request needs, by its method and the route's own pattern (never by the text of the URL, which
 * has many spellings). Whatever is not listed is part of the configuration: reading it needs `read`,
 * anything else `write`. So a new route is never open by mistake.
 *
 * @param pattern the router's, as `/apis/:api`; `undefined` where no route fits
 */
export function requirementOf(method: string, pattern: string | undefined): Requirement {
  if (method === 'OPTIONS') return 'nothing';
  const [first] = (pattern ?? '').split('/').slice(1);
  const reads = reading.includes(method);
  switch (first) {
    case 'ready':
    case 'live':
    case 'console':
      // What a balancer asks for, and the console's files, which hold nothing of the configuration.
      return reads ? 'nothing' : ['write'];
    case 'tokens':
    case 'master-key':
      return ['admin'];
    case 'events':
      return reads ? ['events'] : ['write'];
    case 'log-level':
      return reads ? ['read'] : ['admin'];
    case 'nodes':
      return reads ? ['nodes', 'read'] : ['nodes'];
    default:
      return reads ? ['read'] : ['write'];
  }
}

/** Whether a request names its hosts in its body, so that only its command shows which they are. */
export function namesHostsInBody(method: string, pattern: string | undefined): boolean {
  return method === 'POST' && pattern === '/certificates';
}

/**
 * Whether a credential for the certificates of some hosts may use this route for an API of theirs: to
 * see the API, and to handle its plugins.
 */
export function concernsCertificates(method: string, pattern: string | undefined): boolean {
  const [first, parameter, next] = (pattern ?? '').split('/').slice(1);
  if (first !== 'apis' || parameter?.startsWith(':') !== true) return false;
  return next === 'plugins' || (next === undefined && reading.includes(method));
}

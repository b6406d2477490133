import { createStore } from './store.js';

/** Where in the console somebody is. */
export type Place =
  | { readonly view: 'hosts' }
  | { readonly view: 'host'; readonly host: string }
  | { readonly view: 'nodes' }
  | { readonly view: 'activity' }
  | { readonly view: 'reference' }
  | { readonly view: 'nowhere' };

export const place = createStore<Place>(parse(window.location.pathname));

window.addEventListener('popstate', () => place.set(parse(window.location.pathname)));

export function pathOf(to: Place): string {
  switch (to.view) {
    case 'hosts':
      return '/console';
    case 'host':
      return `/console/hosts/${encodeURIComponent(to.host)}`;
    default:
      return `/console/${to.view}`;
  }
}

export function go(to: Place): void {
  window.history.pushState(null, '', pathOf(to));
  place.set(to);
}

/** Properties of a link that stays within the page, and is still a link: it can be opened in a tab. */
export function linkTo(to: Place) {
  return {
    href: pathOf(to),
    onClick: (event: MouseEvent) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      go(to);
    },
  };
}

function parse(path: string): Place {
  const [, , first = '', second = ''] = path.split('/');
  if (first === '' || (first === 'hosts' && second === '')) return { view: 'hosts' };
  if (first === 'hosts') return { view: 'host', host: decode(second) };
  if (first === 'nodes' || first === 'activity' || first === 'reference') return { view: first };
  return { view: 'nowhere' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

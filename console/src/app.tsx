import { useEffect } from 'preact/hooks';
import { ActivityView } from './activity/activity-view.js';
import { HostView } from './host/host-view.js';
import { HostsView } from './hosts/hosts-view.js';
import { NodesView } from './nodes/nodes-view.js';
import { Notice } from './parts/notice.js';
import { ReferenceView } from './reference/reference-view.js';
import { Sidebar } from './sidebar.js';
import { SignIn } from './sign-in.js';
import { followLive } from './state/live.js';
import { go, type Place, place } from './state/location.js';
import { session } from './state/session.js';
import { useStore } from './state/store.js';

export function App() {
  const { status } = useStore(session);
  const at = useStore(place);
  const isOpen = status === 'open';

  useEffect(() => {
    if (!isOpen) return;
    const stop = new AbortController();
    followLive(stop.signal);
    return () => stop.abort();
  }, [isOpen]);
  useEffect(() => {
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  useEffect(() => {
    document.title = `${titleOf(at)} · Signet`;
  }, [at]);

  if (status === 'unknown') return null;
  if (status === 'signed-out') return <SignIn />;
  return (
    <div class="app">
      <Sidebar at={at} />
      <main>
        <View at={at} />
      </main>
    </div>
  );
}

/** What the tab and the browser's history say. */
function titleOf(at: Place): string {
  switch (at.view) {
    case 'host':
      return at.host;
    case 'reference':
      return 'Admin API';
    case 'nowhere':
      return 'Nothing here';
    default:
      return `${at.view.slice(0, 1).toUpperCase()}${at.view.slice(1)}`;
  }
}

function View({ at }: { readonly at: Place }) {
  switch (at.view) {
    case 'hosts':
      return <HostsView />;
    case 'host':
      return <HostView key={at.host} host={at.host} />;
    case 'nodes':
      return <NodesView />;
    case 'activity':
      return <ActivityView />;
    case 'reference':
      return <ReferenceView />;
    case 'nowhere':
      return (
        <Notice title="There is nothing here">The address leads nowhere in the console.</Notice>
      );
    default: {
      const unknown: never = at;
      return unknown;
    }
  }
}

let leader: string | undefined;

/** `/` searches; `g` and then `h`, `n`, `a` or `r` goes to hosts, nodes, activity or the reference. */
function onKey(event: KeyboardEvent): void {
  if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
  const { key } = event;
  const targets: Readonly<Record<string, Place>> = {
    h: { view: 'hosts' },
    n: { view: 'nodes' },
    a: { view: 'activity' },
    r: { view: 'reference' },
  };
  const target = leader === 'g' ? targets[key] : undefined;
  leader = key;
  if (target !== undefined) go(target);
  else if (key === '/') {
    event.preventDefault();
    if (place.value.view === 'hosts') focusSearch();
    else {
      go({ view: 'hosts' });
      // Once the view is drawn.
      requestAnimationFrame(focusSearch);
    }
  }
}

function focusSearch(): void {
  document.getElementById('search')?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.matches('input, textarea, select') || target.closest('dialog') !== null)
  );
}

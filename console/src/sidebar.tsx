import { useState } from 'preact/hooks';
import {
  ActivityIcon,
  HostsIcon,
  LockIcon,
  Mark,
  MoonIcon,
  NodesIcon,
  ReferenceIcon,
  SunIcon,
  UnlockIcon,
} from './parts/icons.js';
import { formatNumber } from './parts/time.js';
import { live } from './state/live.js';
import { linkTo, type Place } from './state/location.js';
import { lock, session } from './state/session.js';
import { useStore } from './state/store.js';
import { switchTheme, theme } from './state/theme.js';
import { UnlockDialog } from './unlock-dialog.js';

export function Sidebar({ at }: { readonly at: Place }) {
  const { overview } = useStore(live);
  const current = (isIt: boolean) => (isIt ? 'page' : undefined);
  const ready = overview?.nodes.filter((node) => node.ready).length;
  return (
    <aside class="sidebar">
      <div class="brand">
        <Mark />
        <span>Signet</span>
      </div>
      <nav aria-label="Views">
        <a
          {...linkTo({ view: 'hosts' })}
          aria-current={current(at.view === 'hosts' || at.view === 'host')}
        >
          <HostsIcon />
          Hosts
          {overview && <span class="count">{formatNumber(overview.hosts)}</span>}
        </a>
        <a {...linkTo({ view: 'nodes' })} aria-current={current(at.view === 'nodes')}>
          <NodesIcon />
          Nodes
          {overview && (
            <span class="count">
              {ready}/{overview.nodes.length}
            </span>
          )}
        </a>
        <a {...linkTo({ view: 'activity' })} aria-current={current(at.view === 'activity')}>
          <ActivityIcon />
          Activity
        </a>
        <a {...linkTo({ view: 'reference' })} aria-current={current(at.view === 'reference')}>
          <ReferenceIcon />
          Admin API
        </a>
      </nav>
      <div class="sidebar-foot">
        <Connection />
        <div class="foot-row">
          <WriteLock />
          <ThemeSwitch />
        </div>
      </div>
    </aside>
  );
}

function Connection() {
  const { connection, overview } = useStore(live);
  const text = {
    connecting: 'Connecting…',
    live: `Revision ${overview?.revision === undefined ? '–' : formatNumber(overview.revision)}`,
    lost: 'Offline, reconnecting…',
  }[connection];
  return (
    <div class={`connection ${connection}`} role="status">
      <span class="dot" />
      <span data-testid="revision">{text}</span>
    </div>
  );
}

function WriteLock() {
  const current = useStore(session);
  const [isAsking, setAsking] = useState(false);
  if (current.status !== 'open') return null;
  const { isUnlocked, report } = current;
  return (
    <>
      <button
        type="button"
        class={isUnlocked ? 'lock open' : 'lock'}
        title={
          isUnlocked ? `As ${report.actor}; press to lock` : 'Nothing can be changed from here'
        }
        onClick={() => (isUnlocked ? void lock() : setAsking(true))}
      >
        {isUnlocked ? <UnlockIcon /> : <LockIcon />}
        {isUnlocked ? 'Changes allowed' : 'Read-only'}
      </button>
      {isAsking && (
        <UnlockDialog onClose={() => setAsking(false)} onUnlocked={() => setAsking(false)} />
      )}
    </>
  );
}

function ThemeSwitch() {
  const isDark = useStore(theme) === 'dark';
  return (
    <button
      type="button"
      class="plain"
      aria-label={isDark ? 'Light colours' : 'Dark colours'}
      title={isDark ? 'Light colours' : 'Dark colours'}
      onClick={switchTheme}
    >
      {isDark ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}

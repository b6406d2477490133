import { Dialog } from './parts/dialog.js';
import { mayWrite, session, unlock } from './state/session.js';
import { useStore } from './state/store.js';
import { TokenForm } from './token-form.js';

interface UnlockDialogProps {
  readonly onClose: () => void;
  /** Changes are allowed from now on. */
  readonly onUnlocked: () => void;
}

/** From reading to changing: never by a slip. */
export function UnlockDialog({ onClose, onUnlocked }: UnlockDialogProps) {
  const current = useStore(session);
  if (current.status !== 'open') return null;
  const { report } = current;
  return (
    <Dialog title="Allow changes" onClose={onClose}>
      {mayWrite(report) ? (
        <>
          <p>
            {report.development
              ? 'This control plane has no tokens yet, so everybody on this machine may change everything. Changes from here are recorded as made by “development”.'
              : `Changes from here are recorded as made by “${report.actor}”.`}
          </p>
          <footer>
            <button type="button" onClick={onClose}>
              Stay read-only
            </button>
            <button
              type="button"
              class="primary"
              onClick={() => {
                unlock();
                onUnlocked();
              }}
            >
              Allow changes
            </button>
          </footer>
        </>
      ) : (
        <>
          <p>
            The token in use may only read. One with the scope <code>write</code> allows changes; it
            stays in this page’s memory and is gone when you close it.
          </p>
          <TokenForm
            label="Token with the scope write"
            onSignedIn={(scopes) => {
              if (!mayWrite({ ...report, scopes })) return 'This token may only read, too';
              onUnlocked();
              return undefined;
            }}
          />
        </>
      )}
    </Dialog>
  );
}

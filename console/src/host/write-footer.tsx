import { formatNumber } from '../parts/time.js';
import type { WriteState } from './use-write.js';

interface WriteFooterProps {
  readonly state: WriteState;
  readonly label: string;
  readonly canRun: boolean;
  readonly onRun: () => void;
  readonly onClose: () => void;
}

/** The end of a dialog that changes something: the button, then how it went. */
export function WriteFooter({ state, label, canRun, onRun, onClose }: WriteFooterProps) {
  if (state.status === 'done') {
    return (
      <footer class="done" data-testid="done">
        <p role="status">
          Recorded as revision {formatNumber(Number(state.revision))}. {state.applied}
        </p>
        <button type="button" class="primary" onClick={onClose}>
          Close
        </button>
      </footer>
    );
  }
  return (
    <footer>
      {state.status === 'failed' && (
        <p class="problem" role="alert">
          {state.problem}
        </p>
      )}
      <button type="button" onClick={onClose}>
        Cancel
      </button>
      <button
        type="button"
        class="primary"
        disabled={!canRun || state.status === 'busy'}
        onClick={onRun}
      >
        {state.status === 'busy' ? 'Waiting for the nodes…' : label}
      </button>
    </footer>
  );
}

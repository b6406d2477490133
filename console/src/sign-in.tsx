import { Mark } from './parts/icons.js';
import { openSession, session } from './state/session.js';
import { useStore } from './state/store.js';
import { TokenForm } from './token-form.js';

/** Where the admin API wants to know who is asking. */
export function SignIn() {
  const current = useStore(session);
  const reason = current.status === 'signed-out' ? current.reason : undefined;
  return (
    <main class="sign-in">
      <div>
        <Mark />
        <h1>Signet</h1>
        <p>
          {reason ?? 'This control plane asks for a token.'} The token stays in this page’s memory
          and is gone when you close it.
        </p>
        <TokenForm label="Token" />
        <details>
          <summary>Where do I get one?</summary>
          <p>On the control plane’s machine, with the scopes that you need:</p>
          <pre>signet token create me --scope write --scope events</pre>
        </details>
        <button type="button" class="plain" onClick={() => void openSession()}>
          Try without a token
        </button>
      </div>
    </main>
  );
}

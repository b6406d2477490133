import { useState } from 'preact/hooks';
import { ApiProblem } from './api/client.js';
import { signIn } from './state/session.js';

interface TokenFormProps {
  readonly label: string;
  /** May turn the token down with a sentence. */
  readonly onSignedIn?: (scopes: readonly string[]) => string | undefined;
}

/** Asks for a token. Not a form that a browser would offer to remember. */
export function TokenForm({ label, onSignedIn }: TokenFormProps) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const submit = async () => {
    setBusy(true);
    try {
      const { scopes } = await signIn(token.trim());
      setProblem(onSignedIn?.(scopes));
    } catch (error) {
      setProblem(error instanceof ApiProblem ? error.message : 'That did not work');
    }
    setBusy(false);
  };
  return (
    <form
      class="token-form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <label for="token">{label}</label>
      <input
        id="token"
        type="password"
        autocomplete="off"
        spellcheck={false}
        required
        value={token}
        aria-invalid={problem !== undefined}
        aria-describedby="token-problem"
        onInput={(event) => setToken(event.currentTarget.value)}
      />
      <p id="token-problem" class="problem" role="alert">
        {problem}
      </p>
      <button type="submit" class="primary" disabled={isBusy || token.trim() === ''}>
        Continue
      </button>
    </form>
  );
}

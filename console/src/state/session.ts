import { ApiProblem, onUnauthorized, read } from '../api/client.js';
import type { SessionReport } from '../api/types.js';
import { createStore } from './store.js';
import { currentToken, keepToken } from './token.js';

export type Session =
  | { readonly status: 'unknown' }
  /** Reading needs a token, and there is none that is good for it. */
  | { readonly status: 'signed-out'; readonly reason?: string }
  | {
      readonly status: 'open';
      readonly report: SessionReport;
      /** Whether the person at the page has asked for changes; nobody makes one by a slip. */
      readonly isUnlocked: boolean;
    };

export const session = createStore<Session>({ status: 'unknown' });

export function mayWrite({ scopes }: SessionReport): boolean {
  return scopes.includes('admin') || scopes.includes('write');
}

/** Finds out what is allowed without a token. */
export async function openSession(): Promise<void> {
  await learn(false);
}

/** @throws ApiProblem if the token is not good */
export async function signIn(token: string): Promise<SessionReport> {
  const before = currentToken();
  keepToken(token);
  try {
    const report = await read<SessionReport>('/session');
    session.set({ status: 'open', report, isUnlocked: mayWrite(report) });
    return report;
  } catch (error) {
    keepToken(before);
    throw error;
  }
}

/** For who is let in without a token, on a machine where there is none yet. */
export function unlock(): void {
  const { value } = session;
  if (value.status === 'open') session.set({ ...value, isUnlocked: true });
}

/** Back to reading; a token is forgotten. */
export async function lock(): Promise<void> {
  keepToken(undefined);
  await learn(false);
}

// The control plane does not know the token any more, or asks for one from now on.
onUnauthorized((reason) => {
  keepToken(undefined);
  session.set({ status: 'signed-out', reason });
});

async function learn(isUnlocked: boolean): Promise<void> {
  try {
    const report = await read<SessionReport>('/session');
    session.set({ status: 'open', report, isUnlocked });
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    const isAboutAccess = error.status === 401 || error.status === 403;
    if (isAboutAccess) session.set({ status: 'signed-out' });
    else session.set({ status: 'signed-out', reason: error.message });
  }
}

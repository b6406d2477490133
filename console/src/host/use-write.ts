import { useState } from 'preact/hooks';
import { ApiProblem, call } from '../api/client.js';

export type WriteState =
  | { readonly status: 'idle' | 'busy' }
  | { readonly status: 'done'; readonly revision: string; readonly applied: string | undefined }
  | { readonly status: 'failed'; readonly problem: string };

/** Carries a write out and says how far it got among the nodes. */
export function useWrite() {
  const [state, setState] = useState<WriteState>({ status: 'idle' });
  const run = async (path: string, method: 'POST' | 'PATCH', body: object) => {
    setState({ status: 'busy' });
    const started = performance.now();
    try {
      const { headers } = await call(`${path}?wait=applied`, { method, body });
      const ms = Math.round(performance.now() - started);
      setState({
        status: 'done',
        revision: headers.get('signet-revision') ?? '',
        applied: describeApplied(headers.get('signet-applied'), ms),
      });
    } catch (error) {
      const problem = error instanceof ApiProblem ? error.message : 'That did not work';
      setState({ status: 'failed', problem });
    }
  };
  return { state, run };
}

function describeApplied(header: string | null, ms: number): string | undefined {
  if (header === null) return undefined;
  // The admin API's own brief report.
  const { complete, applied, stragglers } = JSON.parse(header) as {
    readonly complete: boolean;
    readonly applied: number;
    readonly stragglers: number;
  };
  if (applied + stragglers === 0) return 'No node has joined yet; it is served once one has.';
  return complete
    ? `Every node (${applied}) proved to serve it, ${ms} ms after the press.`
    : `${applied} of ${applied + stragglers} nodes serve it by now; the others follow.`;
}

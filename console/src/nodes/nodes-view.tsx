import { useEffect, useState } from 'preact/hooks';
import type { NodeReport } from '../api/types.js';
import { Notice } from '../parts/notice.js';
import { ago, count, formatMoment, formatNumber } from '../parts/time.js';
import { live } from '../state/live.js';
import { useStore } from '../state/store.js';

/** The fleet as it is this moment: what each node serves and how far it is behind. */
export function NodesView() {
  const { overview } = useStore(live);
  const now = useNow();
  if (overview === undefined) return null;
  const { nodes, revision } = overview;
  const current = nodes.filter(({ connected, lag }) => connected && lag === 0).length;
  return (
    <div class="view">
      <header class="view-head">
        <h1>Nodes</h1>
        <span class="muted" role="status">
          {nodes.length > 0 &&
            `${current} of ${count(nodes.length, 'node')} serve everything up to revision ${formatNumber(revision ?? 0)}`}
        </span>
      </header>
      {nodes.length === 0 ? (
        <Notice title="No node yet" command={'signet data-plane --join TOKEN'}>
          Make a token with <code>signet node token</code> and start a node with it; it appears here
          as soon as it is connected.
        </Notice>
      ) : (
        <section class="cards">
          {nodes.map((node) => (
            <NodeCard key={node.id} node={node} now={now} />
          ))}
        </section>
      )}
    </div>
  );
}

function NodeCard({ node, now }: { readonly node: NodeReport; readonly now: number }) {
  const condition = conditionOf(node);
  return (
    <article class="card node" data-testid={`node-${node.name}`}>
      <header>
        <span class={`dot ${condition.tone}`} />
        <h2>{node.name}</h2>
        <span class={`badge ${condition.tone}`}>{condition.text}</span>
      </header>
      <div class="node-figures">
        <span>
          <strong class="revision">
            {node.revision === undefined ? '–' : formatNumber(node.revision)}
          </strong>
          revision
        </span>
        <span class={node.lag ? 'behind' : ''}>
          <strong class="lag">{node.lag === undefined ? '–' : formatNumber(node.lag)}</strong>
          behind
        </span>
        <span>
          <strong>
            {node.workers ?? '–'}
            {node.workers_wanted !== undefined && node.workers_wanted !== node.workers
              ? `/${node.workers_wanted}`
              : ''}
          </strong>
          workers
        </span>
      </div>
      <dl>
        <dt>Version</dt>
        <dd>{node.version ?? 'not known yet'}</dd>
        <dt>Address</dt>
        <dd>{node.address ?? 'not connected'}</dd>
        <dt>Joined</dt>
        <dd>{formatMoment(node.joined_at)}</dd>
        <dt>Last heard</dt>
        <dd>{node.last_seen_at === undefined ? 'never' : ago(node.last_seen_at, now)}</dd>
      </dl>
      {node.plugins_disagree && (
        <p class="problem">Its plugins_available differs from the control plane’s.</p>
      )}
      {node.digest_mismatches > 0 && (
        <p class="problem">
          {count(node.digest_mismatches, 'time')} what it held was not what its revision says.
        </p>
      )}
      {node.rejections.length > 0 && (
        <details class="rejections">
          <summary>{count(node.rejections.length, 'certificate')} rejected</summary>
          <ul>
            {node.rejections.map(({ certificate_id: id, hosts, reason }) => (
              <li key={id}>
                <strong>{hosts.slice(0, 3).join(', ')}</strong> {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </article>
  );
}

function conditionOf(node: NodeReport): { readonly text: string; readonly tone: string } {
  if (!node.connected) return { text: 'Not connected', tone: 'expired' };
  if (!node.ready) return { text: 'Starting', tone: 'soon' };
  if (node.lag !== undefined && node.lag > 0) return { text: 'Catching up', tone: 'soon' };
  if (node.rejections.length > 0) return { text: 'Serves, with exceptions', tone: 'soon' };
  return { text: 'Up to date', tone: 'fine' };
}

function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

import type { ComponentChildren } from 'preact';
import { Notice } from '../parts/notice.js';
import { ago, formatMoment, formatNumber, shortPrint } from '../parts/time.js';
import { linkTo } from '../state/location.js';
import { type Difference, type Step, stepsOf } from './history.js';
import type { Events } from './use-events.js';

interface TimelineProps {
  readonly source: Events;
  readonly now: number;
  /** What can be done with a step; the first is the newest. */
  readonly action?: (step: Step, isNewest: boolean) => ComponentChildren;
  readonly showsHosts?: boolean;
}

/** What happened, newest first, with what each step made different. */
export function Timeline({ source, now, action, showsHosts = false }: TimelineProps) {
  const { events, problem, loadOlder } = source;
  if (problem !== undefined && events === undefined) {
    return problem.status === 403 ? (
      <Notice title="History is not shown" command="signet token create me --scope events">
        The token in use lacks the scope <code>events</code>.
      </Notice>
    ) : (
      <Notice title="History cannot be shown">{problem.message}</Notice>
    );
  }
  if (events === undefined) return <p class="muted">Reading the log…</p>;
  const steps = stepsOf(events);
  const newest = steps.findIndex(({ kind }) => kind !== 'housekeeping');
  return (
    <>
      <ol class="timeline">
        {steps.map((step, index) => (
          <li key={step.revision} class={`step ${step.kind}`} data-revision={step.revision}>
            <span class="step-mark" />
            <div class="step-head">
              <strong>{step.title}</strong>
              {showsHosts && step.hosts.map((host) => <HostLink key={host} host={host} />)}
              <span class="muted">
                by {step.actor} · <time title={formatMoment(step.time)}>{ago(step.time, now)}</time>
              </span>
              <span class="step-end">
                <span class="muted number">#{formatNumber(step.revision)}</span>
                {action?.(step, index <= newest)}
              </span>
            </div>
            {step.differences.length > 0 && <Differences differences={step.differences} />}
          </li>
        ))}
      </ol>
      {loadOlder !== undefined && (
        <button type="button" onClick={loadOlder}>
          Show older
        </button>
      )}
    </>
  );
}

function HostLink({ host }: { readonly host: string }) {
  return (
    <a class="quiet" {...linkTo({ view: 'host', host })}>
      {host}
    </a>
  );
}

export function Differences({ differences }: { readonly differences: readonly Difference[] }) {
  return (
    <dl class="differences">
      {differences.map(({ field, before, after }, index) => (
        // Two APIs of one step may have the same fields: a field alone is no key.
        <div key={`${field}-${index}`}>
          <dt>{field}</dt>
          <dd>
            {before !== undefined && <del title={before}>{shown(field, before)}</del>}
            {before !== undefined && after !== undefined && <span class="arrow">→</span>}
            {after !== undefined && <ins title={after}>{shown(field, after)}</ins>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function shown(field: string, value: string): string {
  return (field === 'leaf' || field === 'private key of') && value.length === 64
    ? shortPrint(value)
    : value;
}

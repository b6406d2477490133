import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, read } from '../api/client.js';
import type { HostDetail } from '../api/types.js';
import { UploadIcon } from '../parts/icons.js';
import { Notice } from '../parts/notice.js';
import { daysLeft, describeDays, urgencyOf } from '../parts/time.js';
import { live } from '../state/live.js';
import { linkTo } from '../state/location.js';
import { session } from '../state/session.js';
import { useStore } from '../state/store.js';
import { UnlockDialog } from '../unlock-dialog.js';
import { CertificateCard } from './certificate-card.js';
import type { Step } from './history.js';
import { RollbackDialog } from './rollback-dialog.js';
import { Timeline } from './timeline.js';
import { UploadDialog } from './upload-dialog.js';
import { useDroppedFiles } from './use-dropped-files.js';
import { useEvents } from './use-events.js';

type Asking =
  | { readonly what: 'nothing' }
  | { readonly what: 'unlock'; readonly next: Asking }
  | { readonly what: 'upload'; readonly files?: readonly File[] }
  | { readonly what: 'rollback'; readonly step: Step };

/** One host: what it serves, who serves it, how it came to be so, and the way back. */
export function HostView({ host }: { readonly host: string }) {
  const { overview } = useStore(live);
  const current = useStore(session);
  const [detail, setDetail] = useState<HostDetail | ApiProblem>();
  const [asking, setAsking] = useState<Asking>({ what: 'nothing' });
  const events = useEvents(host, overview?.revision);
  const now = Date.now();
  const canWrite = current.status === 'open' && current.isUnlocked;
  const close = () => setAsking({ what: 'nothing' });
  const ask = (next: Asking) => setAsking(canWrite ? next : { what: 'unlock', next });

  useEffect(() => {
    const stop = new AbortController();
    read<HostDetail>(`/hosts/${encodeURIComponent(host)}`, stop.signal).then(
      setDetail,
      (error: unknown) => {
        if (error instanceof ApiProblem) setDetail(error);
      },
    );
    return () => stop.abort();
  }, [host, overview?.revision]);
  useDroppedFiles((files) => {
    if (known !== undefined && asking.what === 'nothing') ask({ what: 'upload', files });
  });

  const isGone = detail instanceof ApiProblem;
  const known = isGone ? undefined : detail;
  return (
    <div class="view">
      <header class="view-head host-head">
        <p class="crumbs">
          <a {...linkTo({ view: 'hosts' })}>Hosts</a>
          <span aria-hidden="true">/</span>
        </p>
        <h1>{host}</h1>
        {known !== undefined && <Standing detail={known} now={now} />}
        {known !== undefined && (
          <button type="button" class="primary end" onClick={() => ask({ what: 'upload' })}>
            <UploadIcon />
            {known.certificate === undefined ? 'Bind a certificate' : 'Replace certificate'}
          </button>
        )}
      </header>
      <div class="host-columns">
        <section aria-label="Certificate">
          {isGone && detail.status === 404 && (
            <Notice title="No API has this host">
              It may have had one: its history shows what happened, and can bring it back.
            </Notice>
          )}
          {isGone && detail.status !== 404 && (
            <Notice title="The host cannot be shown">{detail.message}</Notice>
          )}
          {known !== undefined && <CertificateCard detail={known} now={now} />}
        </section>
        <section aria-label="History">
          <h2 class="section-title">History</h2>
          <Timeline
            source={events}
            now={now}
            action={(step, isNewest) =>
              !isNewest &&
              step.kind !== 'housekeeping' && (
                <button type="button" class="small" onClick={() => ask({ what: 'rollback', step })}>
                  Roll back to this
                </button>
              )
            }
          />
        </section>
      </div>
      {asking.what === 'unlock' && (
        // What was wanted goes on.
        <UnlockDialog onClose={close} onUnlocked={() => setAsking(asking.next)} />
      )}
      {asking.what === 'upload' && known !== undefined && (
        <UploadDialog detail={known} files={asking.files ?? []} onClose={close} />
      )}
      {asking.what === 'rollback' && (
        <RollbackDialog
          host={host}
          step={asking.step}
          events={events.events ?? []}
          onClose={close}
        />
      )}
    </div>
  );
}

function Standing({ detail, now }: { readonly detail: HostDetail; readonly now: number }) {
  const { certificate } = detail;
  if (certificate === undefined) return <span class="badge">Default certificate</span>;
  const urgency = urgencyOf(certificate, now);
  return (
    <span class={`badge ${urgency}`}>{describeDays(daysLeft(certificate.not_after, now))}</span>
  );
}

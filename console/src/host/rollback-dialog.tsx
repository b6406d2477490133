import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiProblem, call } from '../api/client.js';
import type { CertificateDocument, DryRun, EventReport } from '../api/types.js';
import { Dialog } from '../parts/dialog.js';
import { formatMoment, formatNumber } from '../parts/time.js';
import { DryRunReport } from './dry-run-report.js';
import type { Step } from './history.js';
import { useWrite } from './use-write.js';
import { WriteFooter } from './write-footer.js';

interface RollbackDialogProps {
  readonly host: string;
  readonly step: Step;
  readonly events: readonly EventReport[];
  readonly onClose: () => void;
}

/** Going back to a step: first what that would do, then doing it. */
export function RollbackDialog({ host, step, events, onClose }: RollbackDialogProps) {
  const [report, setReport] = useState<DryRun | ApiProblem>();
  const { state, run } = useWrite();
  const certificates = useMemo(() => certificatesOf(events), [events]);
  const body = { revision: step.revision, host };

  useEffect(() => {
    call<DryRun>('/rollback?dry_run=true', { method: 'POST', body }).then(
      ({ body: answer }) => setReport(answer),
      (error: unknown) => {
        if (error instanceof ApiProblem) setReport(error);
      },
    );
  }, [host, step.revision]);

  const isReport = report !== undefined && !(report instanceof ApiProblem);
  const changesNothing = isReport && report.accepted && report.events.length === 0;
  return (
    <Dialog title="Roll back" onClose={onClose} isWide>
      <p>
        Makes <strong>{host}</strong> what it was after revision {formatNumber(step.revision)},{' '}
        {formatMoment(step.time)}. What happened since stays in the history; this is recorded as one
        more step.
      </p>
      {report === undefined && <p class="muted">Finding out what that would do…</p>}
      {report instanceof ApiProblem && <p class="problem">{report.message}</p>}
      {isReport && (
        <DryRunReport
          report={report}
          certificates={certificates}
          accepted={
            changesNothing
              ? 'Nothing would change: it is like that already'
              : `It can be done, with ${describeEvents(report)}`
          }
        />
      )}
      <WriteFooter
        state={state}
        label="Roll back"
        canRun={isReport && report.accepted && !changesNothing}
        onRun={() => void run('/rollback', 'POST', body)}
        onClose={onClose}
      />
    </Dialog>
  );
}

export function certificatesOf(
  events: readonly EventReport[],
): ReadonlyMap<string, CertificateDocument> {
  return new Map(
    events.flatMap((event) =>
      event.type === 'CertUploaded'
        ? [[event.data.certificate.id, event.data.certificate] as const]
        : [],
    ),
  );
}

function describeEvents({ events }: DryRun): string {
  const names = events.map(({ type }) => type.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase());
  return names.length === 1
    ? `one event (${names[0]})`
    : `${names.length} events (${names.join(', ')})`;
}

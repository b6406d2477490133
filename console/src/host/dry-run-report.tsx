import { sentenceOf } from '../api/client.js';
import type { BoundCertificate, CertificateDocument, DryRun } from '../api/types.js';
import { CheckIcon, CrossIcon, WarnIcon } from '../parts/icons.js';
import { formatDate, shortPrint } from '../parts/time.js';

interface DryRunReportProps {
  readonly report: DryRun;
  /** Whatever is known of certificates, to say more than their fingerprints. */
  readonly certificates: ReadonlyMap<string, CertificateDocument>;
  readonly accepted: string;
}

/** What the control plane says it would do; nothing of it is done. */
export function DryRunReport({ report, certificates, accepted }: DryRunReportProps) {
  const { refusal, bindings, warnings, hosts_losing_cover: uncovered } = report;
  return (
    <div class="report" data-testid="dry-run">
      <ul class="checks">
        {report.accepted ? (
          <Check tone="fine" text={accepted} />
        ) : (
          <Check
            tone="expired"
            text={sentenceOf(refusal?.body ?? {}) ?? `It would be refused (${refusal?.status})`}
          />
        )}
        {warnings.map((warning) => (
          <Check key={warning} tone="soon" text={capital(warning)} />
        ))}
        {uncovered.map((host) => (
          <Check key={host} tone="soon" text={`${host} would show the default certificate`} />
        ))}
      </ul>
      {bindings.map(({ request_host: host, before, after }) => (
        <div class="change" key={host}>
          <h3>{host}</h3>
          <div class="sides">
            <Side title="Now" bound={before} certificates={certificates} />
            <span class="arrow" aria-hidden="true">
              →
            </span>
            <Side title="Then" bound={after} certificates={certificates} />
          </div>
        </div>
      ))}
    </div>
  );
}

export function Check({
  tone,
  text,
}: {
  readonly tone: 'fine' | 'soon' | 'expired';
  readonly text: string;
}) {
  return (
    <li class={tone}>
      {tone === 'fine' ? <CheckIcon /> : tone === 'soon' ? <WarnIcon /> : <CrossIcon />}
      <span>{text}</span>
    </li>
  );
}

function Side(props: {
  readonly title: string;
  readonly bound: BoundCertificate | null;
  readonly certificates: ReadonlyMap<string, CertificateDocument>;
}) {
  const { title, bound, certificates } = props;
  const known = bound === null ? undefined : certificates.get(bound.certificate_id);
  return (
    <div class="side">
      <span class="muted">{title}</span>
      {bound === null ? (
        <strong>Default certificate</strong>
      ) : (
        <code title={bound.fingerprint256}>{shortPrint(bound.fingerprint256)}</code>
      )}
      {known !== undefined && (
        <>
          <span>until {formatDate(known.not_after)}</span>
          <span class="muted">
            {known.key_algorithm} · {known.names.slice(0, 3).join(', ')}
            {known.names.length > 3 ? ` and ${known.names.length - 3} more` : ''}
          </span>
        </>
      )}
    </div>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

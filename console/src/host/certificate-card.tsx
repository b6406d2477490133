import type { HostDetail } from '../api/types.js';
import { CopyText } from '../parts/copy-text.js';
import { count, formatDate, formatNumber, shortPrint, urgencyOf } from '../parts/time.js';
import { live } from '../state/live.js';
import { useStore } from '../state/store.js';

interface CertificateCardProps {
  readonly detail: HostDetail;
  readonly now: number;
}

/** What clients of this host are shown, and where the requests go. */
export function CertificateCard({ detail, now }: CertificateCardProps) {
  const { api, certificate } = detail;
  return (
    <>
      <article class="card">
        {certificate === undefined ? (
          <p class="muted">
            No certificate is bound to this host, so clients are shown the default one. Drop a
            certificate and its key anywhere on this page to bind it.
          </p>
        ) : (
          <>
            <Lifetime certificate={certificate} now={now} />
            <dl>
              <dt>Names</dt>
              <dd class="names">
                {certificate.names.slice(0, 12).map((name) => (
                  <span class="tag" key={name}>
                    {name}
                  </span>
                ))}
                {certificate.names.length > 12 && (
                  <span class="muted">and {certificate.names.length - 12} more</span>
                )}
              </dd>
              <dt>Leaf</dt>
              <dd>
                <CopyText
                  text={certificate.fingerprint256}
                  shown={shortPrint(certificate.fingerprint256)}
                  what="SHA-256 fingerprint"
                />
              </dd>
              <dt>Key</dt>
              <dd>{certificate.key_algorithm}</dd>
              <dt>Chain</dt>
              <dd>
                <ol class="chain">
                  {certificate.chain.map((link) => (
                    <li key={link.serial}>
                      {link.subject}
                      <span class="muted"> · until {formatDate(link.not_after)}</span>
                    </li>
                  ))}
                  <li class="muted">issued by {certificate.chain.at(-1)?.issuer}</li>
                </ol>
              </dd>
              <dt>Served by</dt>
              <dd>
                <Served revision={detail.revision} />
              </dd>
            </dl>
          </>
        )}
      </article>
      <article class="card">
        <dl>
          <dt>API</dt>
          <dd>{api.name}</dd>
          <dt>Upstream</dt>
          <dd>
            <code>{api.upstream_url}</code>
          </dd>
          {detail.only_https !== undefined && (
            <>
              <dt>Plain HTTP</dt>
              <dd>{plainHttp(detail)}</dd>
            </>
          )}
          {detail.hsts_max_age !== undefined && (
            <>
              <dt>HSTS</dt>
              <dd>for {detail.hsts_max_age} s</dd>
            </>
          )}
          {detail.shared && (
            <>
              <dt>Plugin</dt>
              <dd>the one for all APIs</dd>
            </>
          )}
        </dl>
      </article>
    </>
  );
}

function plainHttp({ only_https, https_redirect_status_code: code = 426 }: HostDetail): string {
  if (!only_https) return 'allowed';
  return code === 426 ? 'refused with 426' : `redirected with ${code}`;
}

function Lifetime(props: {
  readonly certificate: NonNullable<HostDetail['certificate']>;
  readonly now: number;
}) {
  const { certificate, now } = props;
  const start = Date.parse(certificate.not_before);
  const end = Date.parse(certificate.not_after);
  const gone = Math.min(1, Math.max(0, (now - start) / (end - start)));
  return (
    <div class={`lifetime-wide ${urgencyOf(certificate, now)}`}>
      <div class="track">
        <span style={{ width: `${gone * 100}%` }} />
        <i style={{ left: `${gone * 100}%` }} />
      </div>
      <div class="ends">
        <span>{formatDate(certificate.not_before)}</span>
        <span>{formatDate(certificate.not_after)}</span>
      </div>
    </div>
  );
}

/** Nodes prove with handshakes of their own what they serve; their revision says it. */
function Served({ revision }: { readonly revision: number }) {
  const { overview } = useStore(live);
  if (overview === undefined) return <>…</>;
  const { nodes } = overview;
  const serving = nodes.filter(
    (node) => node.revision !== undefined && (node.revision >= revision || node.lag === 0),
  );
  const isAll = serving.length === nodes.length && nodes.length > 0;
  return (
    <span data-testid="served">
      <span class={`dot ${isAll ? 'fine' : 'soon'}`} />
      {serving.length} of {count(nodes.length, 'node')}, since revision {formatNumber(revision)}
    </span>
  );
}

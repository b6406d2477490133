import type { Host } from '../api/types.js';
import { daysLeft, describeDays, formatDate, shortPrint, urgencyOf } from '../parts/time.js';
import { linkTo } from '../state/location.js';

interface HostRowProps {
  readonly host: Host | undefined;
  readonly index: number;
  readonly total: number;
  readonly isActive: boolean;
  readonly now: number;
}

export const rowId = (index: number) => `host-${index}`;

/** One line of the list; grey until what belongs there is read. */
export function HostRow({ host, index, total, isActive, now }: HostRowProps) {
  const shared = {
    id: rowId(index),
    role: 'option',
    'aria-selected': isActive,
    'aria-setsize': total,
    'aria-posinset': index + 1,
    class: isActive ? 'row active' : 'row',
    tabIndex: -1,
  } as const;
  if (host === undefined) {
    return (
      <div {...shared} aria-busy="true">
        <span class="ghost" />
      </div>
    );
  }
  const { certificate } = host;
  return (
    <a {...shared} {...linkTo({ view: 'host', host: host.host })}>
      <span class="name">{host.host}</span>
      {certificate === undefined ? (
        <span class="certificate muted">Default certificate</span>
      ) : (
        <span class="certificate">
          <code>{shortPrint(certificate.fingerprint256)}</code>
          <span class="muted algorithm">{certificate.key_algorithm}</span>
          {host.shared && <span class="tag">shared</span>}
        </span>
      )}
      <Expiry certificate={certificate} now={now} />
      <span class="api muted">{host.api.name === host.host ? '' : host.api.name}</span>
    </a>
  );
}

function Expiry({
  certificate,
  now,
}: {
  readonly certificate: Host['certificate'];
  readonly now: number;
}) {
  if (certificate === undefined) return <span class="expiry" />;
  const urgency = urgencyOf(certificate, now);
  const start = Date.parse(certificate.not_before);
  const end = Date.parse(certificate.not_after);
  const left = Math.min(1, Math.max(0, (end - now) / (end - start)));
  return (
    <span class={`expiry ${urgency}`} title={`Ends on ${formatDate(certificate.not_after)}`}>
      <span class="lifetime">
        <span style={{ width: `${left * 100}%` }} />
      </span>
      <span>{describeDays(daysLeft(certificate.not_after, now))}</span>
    </span>
  );
}

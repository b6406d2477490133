const dayMs = 86_400_000;
const weeks = 13;

/** Hosts whose certificates end within one stretch of time. */
export interface ExpiryBin {
  readonly id: string;
  readonly label: string;
  /** Under the axis; not every bin has one. */
  readonly tick?: string;
  readonly tone: 'expired' | 'urgent' | 'soon' | 'fine' | 'later';
  readonly hosts: number;
  /** Whole days from now, the second not included. */
  readonly from?: number;
  readonly until?: number;
}

/** What has ended, the next quarter week by week, and the rest. */
export function expiryBins(
  expiring: readonly (readonly [daysLeft: number, hosts: number])[],
): readonly ExpiryBin[] {
  const sum = (from: number, until: number) =>
    expiring.reduce((total, [day, hosts]) => total + (day >= from && day < until ? hosts : 0), 0);
  const bins: ExpiryBin[] = [
    {
      id: 'expired',
      label: 'Expired',
      tick: 'expired',
      tone: 'expired',
      hosts: sum(-Infinity, 0),
      until: 0,
    },
  ];
  for (let week = 0; week < weeks; week++) {
    const [from, until] = [week * 7, week * 7 + 7];
    bins.push({
      id: `week-${week}`,
      label: week === 0 ? 'Within 7 days' : `In ${from} to ${until} days`,
      ...(week % 4 === 0 && { tick: week === 0 ? 'now' : `${from} d` }),
      tone: week === 0 ? 'urgent' : week < 3 ? 'soon' : 'fine',
      hosts: sum(from, until),
      from,
      until,
    });
  }
  const from = weeks * 7;
  bins.push({
    id: 'later',
    label: `In more than ${from} days`,
    tick: 'later',
    tone: 'later',
    hosts: sum(from, Infinity),
    from,
  });
  return bins;
}

/** The stretch as times. */
export function timesOf({ from, until }: ExpiryBin, now: number) {
  return {
    ...(from !== undefined && { expiresFrom: now + from * dayMs }),
    ...(until !== undefined && { expiresUntil: now + until * dayMs }),
  };
}

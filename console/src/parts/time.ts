const dayMs = 86_400_000;

const dates = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const numbers = new Intl.NumberFormat('en-GB');

export const formatDate = (time: string): string => dates.format(new Date(time));
export const formatMoment = (time: string | number): string => moments.format(new Date(time));
export const formatNumber = (value: number): string => numbers.format(value);

export function daysLeft(notAfter: string, now: number): number {
  return Math.floor((Date.parse(notAfter) - now) / dayMs);
}

export type Urgency = 'expired' | 'urgent' | 'soon' | 'fine';

/** A tenth of the lifetime left is urgent and a third is soon, as renewals go by; 14 days at most. */
export function urgencyOf(
  { not_before, not_after }: { readonly not_before: string; readonly not_after: string },
  now: number,
): Urgency {
  const left = Date.parse(not_after) - now;
  const lifetime = Date.parse(not_after) - Date.parse(not_before);
  if (left <= 0) return 'expired';
  if (left < Math.min(7 * dayMs, lifetime / 10)) return 'urgent';
  if (left < Math.min(21 * dayMs, lifetime / 3)) return 'soon';
  return 'fine';
}

export function describeDays(days: number): string {
  if (days === -1) return 'ended today';
  if (days < 0) return `ended ${count(-days - 1, 'day')} ago`;
  if (days === 0) return 'ends today';
  return `${count(days, 'day')} left`;
}

export function ago(time: string | number, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(time).getTime()) / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${count(Math.floor(seconds / 86_400), 'day')} ago`;
}

export function count(value: number, noun: string): string {
  return `${formatNumber(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function shortPrint(fingerprint: string): string {
  return `${fingerprint.slice(0, 8)}…${fingerprint.slice(-4)}`;
}

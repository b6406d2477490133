import { fullRun } from '../../support/run-scope.js';

/** A bar's own size in the nightly form, else one that takes seconds. */
export function bar(full: number, bounded: number): number {
  return fullRun ? full : bounded;
}

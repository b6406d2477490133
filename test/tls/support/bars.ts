/** Whether the bars are run at their full size: minutes instead of seconds. */
export const isFullSize = process.env['SIGNET_FULL_BARS'] === '1';

export function bar(full: number, bounded: number): number {
  return isFullSize ? full : bounded;
}

const boundsMs = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 200, 500, 1000];
const barWidth = 40;

/** Prints how many samples lie in each span of milliseconds, spans of all sizes on one scale. */
export function printHistogram(title: string, samplesMs: readonly number[]): void {
  const spans = [0, ...boundsMs].map((from, index) => {
    const to = boundsMs[index] ?? Number.POSITIVE_INFINITY;
    return { to, count: samplesMs.filter((ms) => ms > from && ms <= to).length };
  });
  const used = spans.filter(({ count }) => count > 0);
  const most = Math.max(...used.map(({ count }) => count));
  console.log(title);
  for (const { to, count } of used) {
    const label = Number.isFinite(to) ? `≤ ${to} ms` : `> ${boundsMs.at(-1)} ms`;
    const drawn = '█'.repeat(Math.max(1, Math.round((count / most) * barWidth)));
    console.log(`  ${label.padStart(9)} ${String(count).padStart(6)} ${drawn}`);
  }
  console.log('');
}

import { count } from '../parts/time.js';
import { type ExpiryBin, expiryBins } from './expiry-bins.js';

interface ExpiryPlotProps {
  readonly expiring: readonly (readonly [daysLeft: number, hosts: number])[];
  readonly chosen: string | undefined;
  readonly onChoose: (bin: ExpiryBin | undefined) => void;
}

/** When certificates end, one bar a week; a bar is a filter, too. */
export function ExpiryPlot({ expiring, chosen, onChoose }: ExpiryPlotProps) {
  const bins = expiryBins(expiring);
  const most = Math.max(1, ...bins.map(({ hosts }) => hosts));
  return (
    <fieldset class="plot" aria-label="When certificates end">
      {bins.map((bin) => {
        // A single host among 100,000 still has to be seen.
        const height = bin.hosts === 0 ? 0 : Math.max(6, Math.sqrt(bin.hosts / most) * 100);
        const isChosen = chosen === bin.id;
        return (
          <button
            type="button"
            key={bin.id}
            class={`bin ${bin.tone}`}
            aria-pressed={isChosen}
            disabled={bin.hosts === 0 && !isChosen}
            title={`${bin.label}: ${count(bin.hosts, 'host')}`}
            aria-label={`${bin.label}: ${count(bin.hosts, 'host')}`}
            onClick={() => onChoose(isChosen ? undefined : bin)}
          >
            <span class="bar">
              <span style={{ height: `${height}%` }} />
            </span>
            <span class="tick">{bin.tick}</span>
          </button>
        );
      })}
    </fieldset>
  );
}

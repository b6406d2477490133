import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiProblem } from '../api/client.js';
import { SearchIcon } from '../parts/icons.js';
import { Notice } from '../parts/notice.js';
import { count, formatNumber } from '../parts/time.js';
import { live } from '../state/live.js';
import { useStore } from '../state/store.js';
import { type ExpiryBin, timesOf } from './expiry-bins.js';
import { ExpiryPlot } from './expiry-plot.js';
import { HostList } from './host-list.js';
import { type HostFilter, HostPages } from './host-pages.js';

const typingMs = 120;

/** Every host with its certificate: searched, filtered by when it ends, as long as it takes. */
export function HostsView() {
  const { overview } = useStore(live);
  const [text, setText] = useState('');
  const [search, setSearch] = useState('');
  const [order, setOrder] = useState<HostFilter['order']>('host');
  const [bin, setBin] = useState<ExpiryBin>();
  const [isUnbound, setUnbound] = useState(false);
  const [, redraw] = useState({});
  const [problem, setProblem] = useState<string>();
  const now = overview === undefined ? Date.now() : Date.parse(overview.time);

  useEffect(() => {
    const timer = setTimeout(() => setSearch(text.trim()), typingMs);
    return () => clearTimeout(timer);
  }, [text]);

  const pages = useMemo(
    () =>
      new HostPages(
        { search, order, isUnbound, ...(bin !== undefined && timesOf(bin, Date.now())) },
        () => {
          setProblem(undefined);
          redraw({});
        },
        (error) =>
          setProblem(error instanceof ApiProblem ? error.message : 'The hosts cannot be shown'),
      ),
    [search, order, bin, isUnbound],
  );
  useEffect(() => {
    pages.show(0, 0);
    return () => pages.close();
  }, [pages]);
  useEffect(() => {
    pages.outdate();
    // Where nothing was found there is no list that would ask.
    if (!pages.total) pages.show(0, 0);
    redraw({});
  }, [pages, overview?.revision]);

  const { total } = pages;
  const isFiltered = search !== '' || bin !== undefined || isUnbound;
  return (
    <div class="view hosts">
      <header class="view-head">
        <h1>Hosts</h1>
        <span class="muted" role="status" data-testid="total">
          {total !== undefined && (isFiltered ? `${count(total, 'host')} found` : '')}
        </span>
        <div class="search">
          <SearchIcon />
          <input
            id="search"
            type="search"
            placeholder="Search hosts, APIs, fingerprints"
            aria-label="Search hosts"
            aria-controls="host-list"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'ArrowDown' || event.key === 'Enter') {
                event.preventDefault();
                document.getElementById('host-list')?.focus();
              }
            }}
          />
          <kbd>/</kbd>
        </div>
      </header>

      {overview !== undefined && overview.hosts > 0 && (
        <section class="plot-card">
          <ExpiryPlot expiring={overview.expiring} chosen={bin?.id} onChoose={setBin} />
          <div class="plot-side">
            <Figure label="ended" tone="expired" value={sumDays(overview.expiring, -Infinity, 0)} />
            <Figure
              label="end within 14 days"
              tone="soon"
              value={sumDays(overview.expiring, 0, 14)}
            />
            <button
              type="button"
              class="figure"
              aria-pressed={isUnbound}
              disabled={overview.without_certificate === 0 && !isUnbound}
              onClick={() => setUnbound(!isUnbound)}
            >
              <strong>{formatNumber(overview.without_certificate)}</strong>
              <span>on the default certificate</span>
            </button>
          </div>
        </section>
      )}

      {overview?.hosts === 0 ? (
        <Notice
          title="No host yet"
          command={
            'curl -X POST :8001/apis --data name=mine \\\n' +
            '  --data request_host=www.example.com \\\n' +
            '  --data upstream_url=http://127.0.0.1:3000'
          }
        >
          Add an API with a <code>request_host</code>; it appears here at once. Then bind a
          certificate to it, here or with the same call that Kong’s <code>ssl</code> plugin takes.
        </Notice>
      ) : (
        <section class="table" aria-label="List of hosts">
          <div class="row head">
            <SortButton label="Host" isChosen={order === 'host'} onClick={() => setOrder('host')} />
            <span>Certificate</span>
            <SortButton
              label="Expiry"
              isChosen={order === 'expiry'}
              onClick={() => setOrder('expiry')}
            />
            <span class="api">API</span>
          </div>
          {problem !== undefined && total === undefined && (
            <Notice title="The hosts cannot be shown">{problem}</Notice>
          )}
          {total === 0 && (
            <Notice title="Nothing found">
              No host {search === '' ? 'is like that' : `has “${search}” in its name`}.
            </Notice>
          )}
          {total !== undefined && total > 0 && <HostList pages={pages} total={total} now={now} />}
        </section>
      )}
    </div>
  );
}

function Figure({
  label,
  value,
  tone,
}: {
  readonly label: string;
  readonly value: number;
  readonly tone: 'expired' | 'soon';
}) {
  return (
    <span class={value === 0 ? 'figure' : `figure ${tone}`}>
      <strong>{formatNumber(value)}</strong>
      <span>{label}</span>
    </span>
  );
}

function SortButton(props: {
  readonly label: string;
  readonly isChosen: boolean;
  readonly onClick: () => void;
}) {
  const { label, isChosen, onClick } = props;
  return (
    <button type="button" class="sort" aria-pressed={isChosen} onClick={onClick}>
      {label}
      <span aria-hidden="true">{isChosen ? '↓' : ''}</span>
    </button>
  );
}

function sumDays(
  expiring: readonly (readonly [number, number])[],
  from: number,
  until: number,
): number {
  return expiring.reduce((sum, [day, hosts]) => sum + (day >= from && day < until ? hosts : 0), 0);
}

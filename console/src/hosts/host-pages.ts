import { read } from '../api/client.js';
import type { Host, HostPage } from '../api/types.js';

export interface HostFilter {
  readonly search: string;
  readonly order: 'host' | 'expiry';
  /** Milliseconds since the epoch. */
  readonly expiresFrom?: number;
  readonly expiresUntil?: number;
  readonly isUnbound?: boolean;
}

interface LoadedPage {
  readonly hosts: readonly Host[];
  /** Of the configuration when it was asked for. */
  readonly version: number;
}

const pageSize = 100;
/** Some 10,000 hosts: those around the window and where it was before. */
const maxPages = 100;

/**
 * The hosts of one filter, page by page as they are looked at. After a change of the configuration the
 * pages in view are read again; what is shown stays until the new one is there.
 */
export class HostPages {
  readonly #filter: HostFilter;
  readonly #onChange: () => void;
  readonly #onProblem: (problem: unknown) => void;
  readonly #pages = new Map<number, LoadedPage>();
  readonly #loading = new Set<number>();
  readonly #stop = new AbortController();
  #version = 0;
  total: number | undefined;

  constructor(filter: HostFilter, onChange: () => void, onProblem: (problem: unknown) => void) {
    this.#filter = filter;
    this.#onChange = onChange;
    this.#onProblem = onProblem;
  }

  at(index: number): Host | undefined {
    return this.#pages.get(Math.floor(index / pageSize))?.hosts[index % pageSize];
  }

  /** What was read before is read again when it is looked at next. */
  outdate(): void {
    this.#version++;
  }

  /** Reads what is missing or outdated between two rows. */
  show(first: number, last: number): void {
    const end = Math.floor(Math.max(last, 0) / pageSize);
    for (let page = Math.floor(Math.max(first, 0) / pageSize); page <= end; page++) {
      const isCurrent = this.#pages.get(page)?.version === this.#version;
      const isBeyond = this.total !== undefined && page > 0 && page * pageSize >= this.total;
      if (!isCurrent && !isBeyond && !this.#loading.has(page)) void this.#load(page);
    }
  }

  close(): void {
    this.#stop.abort();
  }

  async #load(page: number): Promise<void> {
    const version = this.#version;
    this.#loading.add(page);
    try {
      const path = `/hosts?${queryOf(this.#filter, page)}`;
      const { data, total } = await read<HostPage>(path, this.#stop.signal);
      // Last in the map is what was read last.
      this.#pages.delete(page);
      this.#pages.set(page, { hosts: data, version });
      const [oldest] = this.#pages.keys();
      if (this.#pages.size > maxPages && oldest !== undefined) this.#pages.delete(oldest);
      this.total = total;
      this.#loading.delete(page);
      this.#onChange();
    } catch (error) {
      this.#loading.delete(page);
      if (!this.#stop.signal.aborted) this.#onProblem(error);
    }
  }
}

function queryOf(filter: HostFilter, page: number): URLSearchParams {
  const { search, order, expiresFrom, expiresUntil, isUnbound } = filter;
  const query = new URLSearchParams({
    order,
    offset: String(page * pageSize),
    limit: String(pageSize),
  });
  if (search !== '') query.set('search', search);
  if (expiresFrom !== undefined) query.set('expires_from', String(Math.round(expiresFrom)));
  if (expiresUntil !== undefined) query.set('expires_until', String(Math.round(expiresUntil)));
  if (isUnbound) query.set('bound', 'false');
  return query;
}

import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, read } from '../api/client.js';
import type { EventPage, EventReport } from '../api/types.js';

export interface Events {
  /** Newest first; `undefined` until they are there. */
  readonly events: readonly EventReport[] | undefined;
  readonly problem: ApiProblem | undefined;
  /** Present if older ones can be read. */
  readonly loadOlder: (() => void) | undefined;
}

const pageSize = 100;

/** Events, all or of one host, and whatever comes while they are looked at. */
export function useEvents(host: string | undefined, revision: number | undefined): Events {
  const [events, setEvents] = useState<readonly EventReport[]>();
  const [hasOlder, setHasOlder] = useState(false);
  const [problem, setProblem] = useState<ApiProblem>();

  const load = async (range: Readonly<Record<string, string>>, signal?: AbortSignal) => {
    const query = new URLSearchParams({ order: 'desc', limit: String(pageSize), ...range });
    if (host !== undefined) query.set('host', host);
    try {
      return await read<EventPage>(`/events?${query}`, signal);
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
      return undefined;
    }
  };

  useEffect(() => {
    const stop = new AbortController();
    const newest = events?.[0]?.revision;
    const range = newest === undefined ? undefined : { after: String(newest) };
    void load(range ?? {}, stop.signal).then((page) => {
      if (page === undefined || stop.signal.aborted) return;
      setProblem(undefined);
      // More than a page since: what lies between would be missing, so it begins anew.
      const isGap = range !== undefined && page.next !== undefined;
      setEvents((before) => [...page.data, ...(isGap ? [] : (before ?? []))]);
      if (range === undefined || isGap) setHasOlder(page.next !== undefined);
    });
    return () => stop.abort();
  }, [host, revision]);

  const oldest = events?.at(-1)?.revision;
  const loadOlder = async (before: number) => {
    const page = await load({ before: String(before) });
    if (page === undefined) return;
    setEvents((newer) => [...(newer ?? []), ...page.data]);
    setHasOlder(page.next !== undefined);
  };
  return {
    events,
    problem,
    loadOlder: hasOlder && oldest !== undefined ? () => void loadOlder(oldest) : undefined,
  };
}

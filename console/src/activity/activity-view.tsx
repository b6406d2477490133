import { Timeline } from '../host/timeline.js';
import { useEvents } from '../host/use-events.js';
import { live } from '../state/live.js';
import { useStore } from '../state/store.js';

/** Everything that happened, as it happens. */
export function ActivityView() {
  const { overview } = useStore(live);
  const events = useEvents(undefined, overview?.revision);
  const now = overview === undefined ? Date.now() : Math.max(Date.now(), Date.parse(overview.time));
  return (
    <div class="view">
      <header class="view-head">
        <h1>Activity</h1>
      </header>
      <section class="narrow">
        <Timeline source={events} now={now} showsHosts />
      </section>
    </div>
  );
}

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { go } from '../state/location.js';
import type { HostPages } from './host-pages.js';
import { HostRow, rowId } from './host-row.js';

const rowHeight = 40;
/** Rows drawn beyond either edge, so that a quick scroll meets no gap. */
const overscan = 12;
/** While somebody scrolls far, pages on the way are not read. */
const settleMs = 40;

interface HostListProps {
  readonly pages: HostPages;
  readonly total: number;
  readonly now: number;
}

/**
 * A window on a list of any length: only the rows in view are in the document, and rows that leave it are
 * used again for those that come in.
 */
export function HostList({ pages, total, now }: HostListProps) {
  const viewport = useRef<HTMLDivElement>(null);
  const [first, setFirst] = useState(0);
  const [rows, setRows] = useState(20);
  const [active, setActive] = useState(0);
  const from = Math.max(0, Math.min(first, total - rows) - overscan);
  const until = Math.min(total, first + rows + overscan);

  useLayoutEffect(() => {
    const element = viewport.current;
    if (element === null) return;
    const observer = new ResizeObserver(() =>
      setRows(Math.ceil(element.clientHeight / rowHeight) + 1),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    viewport.current?.scrollTo(0, 0);
    setFirst(0);
    setActive(0);
  }, [pages]);
  useEffect(() => {
    const timer = setTimeout(() => pages.show(from, until - 1), settleMs);
    return () => clearTimeout(timer);
  });

  const move = (index: number) => {
    const element = viewport.current;
    const next = Math.max(0, Math.min(total - 1, index));
    setActive(next);
    if (element === null) return;
    const top = next * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight;
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + rows - 2,
      PageUp: active - rows + 2,
      Home: 0,
      End: total - 1,
    };
    const target = steps[event.key];
    if (target !== undefined) {
      event.preventDefault();
      move(target);
    } else if (event.key === 'Enter') {
      const host = pages.at(active)?.host;
      if (host !== undefined) go({ view: 'host', host });
    }
  };

  const slots = until - from;
  return (
    <div
      ref={viewport}
      class="list"
      id="host-list"
      role="listbox"
      aria-label="Hosts"
      aria-activedescendant={total > 0 ? rowId(active) : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={(event) => setFirst(Math.floor(event.currentTarget.scrollTop / rowHeight))}
    >
      <div class="list-space" role="presentation" style={{ height: `${total * rowHeight}px` }}>
        {Array.from({ length: slots }, (_, n) => from + n).map((index) => (
          // The slot, not the row: an element that leaves at one edge comes in at the other.
          <div
            class="slot"
            role="presentation"
            key={index % (rows + 2 * overscan + 1)}
            style={{ transform: `translateY(${index * rowHeight}px)` }}
          >
            <HostRow
              host={pages.at(index)}
              index={index}
              total={total}
              isActive={index === active}
              now={now}
            />
          </div>
        ))}
      </div>
    </div>
  );
}

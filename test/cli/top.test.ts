import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { fleetText } from '../../cli/top/fleet-text.js';
import { FleetSampler } from '../../cli/top/sample.js';
import { Screen } from '../../cli/top/screen.js';

const node = (seenAt: number, tls: number, requests: number, failures: number) => ({
  ...{ id: 'n1', name: 'edge-1', connected: true, revision: 7, lag: 1, rejections: [{}] },
  last_seen_at: seenAt,
  traffic: {
    ...{ connections_active: 3, tls_connections_accepted: tls, requests_total: requests },
    upstream_failures: failures,
  },
});
const overview = (...nodes: readonly object[]) => ({
  ...{ time: '2026-01-02T03:04:05Z', revision: 8, hosts: 5, nodes },
  expiring: [
    [-1, 1],
    [13, 1],
    [14, 3],
  ],
});

describe('FleetSampler', () => {
  it('makes rates of what nodes counted between two signs of life', () => {
    const sampler = new FleetSampler();
    expect(sampler.take(overview(node(1000, 10, 100, 0))).nodes[0]).toMatchObject({
      requestsPerSecond: undefined,
    });
    const sample = sampler.take(overview(node(3000, 30, 105, 1)));
    expect(sample).toMatchObject({ revision: 8, hosts: 5, expiring: 2 });
    const rates = { handshakesPerSecond: 10, requestsPerSecond: 2.5, failuresPerSecond: 0.5 };
    expect(sample.nodes[0]).toMatchObject({ ...rates, connections: 3, lag: 1, rejected: 1 });
    // Looked at again before it said anything new.
    expect(sampler.take(overview(node(3000, 30, 105, 1))).nodes[0]).toMatchObject(rates);
  });

  it('says nothing of a node that began to count anew, or never said anything', () => {
    const sampler = new FleetSampler();
    sampler.take(overview(node(1000, 10, 100, 0)));
    expect(sampler.take(overview(node(2000, 1, 1, 0))).nodes[0]).toMatchObject({
      requestsPerSecond: undefined,
    });
    const silent = { id: 'n2', name: 'edge-2', connected: false, rejections: [] };
    expect(fleetText(sampler.take(overview(silent)))).toMatch(/edge-2 +away +- +- +0 +-/);
  });
});

describe('Screen', () => {
  class FakeTerminal extends EventEmitter {
    columns = 12;
    rows = 3;
    written = '';
    write(text: string): void {
      this.written += text;
    }
    last(): string {
      const drawn = this.written.slice(this.written.lastIndexOf('\u001b[H') + 3);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is cut out
      return drawn.replaceAll(/\u001b\[[0-9?]*[a-zA-Z]/g, '');
    }
  }

  it('shows what there is room for, also after the room has changed', () => {
    const terminal = new FakeTerminal();
    const screen = new Screen(terminal);
    screen.show('one line too long\n2\n3\n4\n');
    expect(terminal.last()).toBe('one line too\r\n2\r\n3');
    Object.assign(terminal, { columns: 80, rows: 24 });
    terminal.emit('resize');
    expect(terminal.last()).toBe('one line too long\r\n2\r\n3\r\n4');
    screen.close();
    expect(terminal.listenerCount('resize')).toBe(0);
    expect(terminal.written.endsWith('\u001b[?1049l')).toBe(true);
  });
});

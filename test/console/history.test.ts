import { describe, expect, it } from 'vitest';
import type { EventContent, EventReport } from '../../console/src/api/types.js';
import { stepsOf } from '../../console/src/host/history.js';

const api = {
  id: 'a1',
  name: 'shop',
  request_host: 'shop.example',
  upstream_url: 'http://10.0.0.5:3000',
  strip_request_path: false,
  preserve_host: false,
};
const plugin = {
  id: 'p1',
  api_id: 'a1',
  enabled: true,
  certificate_id: 'c1',
  only_https: false,
  accept_http_if_already_terminated: false,
};
const certificate = (id: string, day: string): EventContent => ({
  type: 'CertUploaded',
  data: {
    certificate: {
      id,
      fingerprint256: id.padEnd(64, '0'),
      names: ['shop.example'],
      not_before: '2026-01-01T00:00:00.000Z',
      not_after: `2026-04-${day}T00:00:00.000Z`,
      key_algorithm: 'p-256',
    },
  },
});

/** One array per request. */
function recorded(...requests: readonly (readonly EventContent[])[]): readonly EventReport[] {
  let revision = 0;
  return requests.flatMap((events, request) =>
    events.map((event) => ({
      ...event,
      revision: revision++,
      id: `e${revision}`,
      time: '2026-01-02T03:04:05.006Z',
      actor: 'ops',
      correlation_id: `r${request}`,
    })),
  );
}

describe('steps of a history', () => {
  const added: EventContent = { type: 'ApiAdded', data: { api } };
  const bound: EventContent = { type: 'PluginAdded', data: { plugin } };
  const replaced: EventContent = {
    type: 'PluginUpdated',
    data: { plugin: { ...plugin, certificate_id: 'c2' } },
  };

  it('are one per request, newest first, in whatever order the events come', () => {
    const events = recorded([added], [certificate('c1', '01'), bound]);
    const steps = stepsOf([...events].reverse());
    expect(steps.map(({ title, revision }) => [title, revision])).toEqual([
      ['Certificate bound', 2],
      ['API added', 0],
    ]);
    expect(steps[1]?.hosts).toEqual(['shop.example']);
  });

  it('show what a new certificate made different, and only that', () => {
    const [step] = stepsOf(
      recorded([certificate('c1', '01'), bound], [certificate('c2', '02'), replaced]),
    );
    expect(step).toMatchObject({ title: 'Certificate replaced', certificateId: 'c2' });
    expect(step?.differences).toEqual([
      { field: 'leaf', before: 'c1'.padEnd(64, '0'), after: 'c2'.padEnd(64, '0') },
      { field: 'valid until', before: '2026-04-01', after: '2026-04-02' },
    ]);
  });

  it('leave out what is as it always is', () => {
    const [step] = stepsOf(recorded([added]));
    expect(step?.differences.map(({ field }) => field)).toEqual([
      'name',
      'request_host',
      'upstream_url',
    ]);
  });

  it('tell settings from certificates, and what went', () => {
    const only: EventContent = {
      type: 'PluginUpdated',
      data: { plugin: { ...plugin, only_https: true } },
    };
    const gone: EventContent = { type: 'PluginDeleted', data: { plugin_id: 'p1' } };
    const steps = stepsOf(recorded([certificate('c1', '01'), bound], [only], [gone]));
    expect(steps.map(({ title }) => title)).toEqual([
      'Certificate taken off',
      'Certificate settings changed',
      'Certificate bound',
    ]);
    expect(steps[1]?.differences).toEqual([
      { field: 'only_https', before: 'false', after: 'true' },
    ]);
  });

  it('do not guess what was before the first event that is known', () => {
    const [step] = stepsOf(recorded([certificate('c2', '02'), replaced]));
    expect(step?.differences.every(({ before }) => before === undefined)).toBe(true);
  });
});

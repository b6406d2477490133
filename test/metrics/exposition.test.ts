import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { AdminClient } from '../support/admin-client.js';
import { curl } from '../support/curl.js';
import { EchoUpstream } from '../support/echo-upstream.js';
import { eventually } from '../support/eventually.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { isInstalled } from '../support/is-installed.js';
import { runCommand } from '../support/run-command.js';
import { ScratchDirectory } from '../support/scratch-directory.js';
import { shownLeaf } from '../support/shown-leaf.js';
import { TestCa } from '../support/test-ca.js';

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}
interface AlertRules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

const pathOf = (name: string) => fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
const document = (name: string) => readFileSync(pathOf(name), 'utf8');
const dashboard: Dashboard = JSON.parse(document('grafana-dashboard.json'));
const rules: AlertRules = parse(document('prometheus-alerts.yml'));

/** Metrics in an expression of PromQL. */
function metricsIn(expression: string): readonly string[] {
  return expression.match(/\b(?:signet|nodejs|process)_[a-z0-9_]+/g) ?? [];
}

const host = 'measured.test';

describe('what is exposed', { timeout: 60_000 }, () => {
  const directory = new ScratchDirectory();
  let upstream: EchoUpstream;
  let gateway: GatewayProcess;
  let control: string;
  let node: string;

  beforeAll(async () => {
    upstream = await EchoUpstream.start();
    gateway = await GatewayProcess.start({
      dataDir: directory.path('data'),
      flags: ['--workers', '2', '--node-status-listen', '127.0.0.1:0'],
    });
    const admin = new AdminClient(gateway.adminUrl);
    await admin.addApi('measured', host, upstream.url);
    const certificate = await (await TestCa.create()).issue([host]);
    await admin.bind('measured', certificate, 'applied');
    expect(await shownLeaf(gateway.tlsPort, host)).toBe(certificate.fingerprint256);
    await shownLeaf(gateway.tlsPort, 'unknown.test');
    const url = `http://127.0.0.1:${gateway.httpPort}/`;
    expect((await curl('-H', `Host: ${host}`, url)).status).toBe(200);
    expect((await curl('-H', 'Host: nobody.test', url)).status).toBe(404);
    // What workers count is gathered once a second.
    await eventually(
      async () => {
        node = await (await fetch(`${gateway.statusUrl}/metrics`)).text();
        expect(node).toContain('signet_node_requests_total{api="measured",status="2xx"} 1');
        // Each worker asks itself for something, too, when it starts.
        expect(node).toMatch(/^signet_node_requests_total\{api="\(none\)",status="4xx"\} [2-9]$/m);
        expect(node).toContain('{outcome="no_certificate"} 1');
      },
      { withinMs: 10_000 },
    );
    control = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  }, 60_000);
  afterAll(async () => {
    await gateway?.kill();
    await upstream?.close();
    await directory.remove();
  });

  const exposed = () => new Set(`${control}\n${node}`.match(/^[a-z][a-z0-9_]*(?=[ {])/gm));

  it('has every metric that the dashboard and the alert rules ask for', () => {
    const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, expr] as const),
    );
    const alerts = rules.groups.flatMap((group) =>
      group.rules.map(({ alert, expr }) => [alert, expr] as const),
    );
    expect(queries.length).toBeGreaterThan(30);
    expect(alerts.length).toBeGreaterThan(9);
    const names = exposed();
    const missing = [...queries, ...alerts].flatMap(([where, expression]) => {
      const wanted = metricsIn(expression);
      expect(wanted, where).not.toHaveLength(0);
      return wanted.filter((name) => !names.has(name)).map((name) => `${where}: ${name}`);
    });
    expect(missing).toEqual([]);
  });

  it('has every metric that the documentation explains', () => {
    const explained = metricsIn(document('operations.md'));
    const names = exposed();
    // A histogram is explained by its name, and exposed as its parts.
    const missing = explained.filter((name) => !names.has(name) && !names.has(`${name}_bucket`));
    expect(missing).toEqual([]);
    const own = [...names].filter((name) => name.startsWith('signet_'));
    const shown = new Set(
      [...dashboard.panels, ...rules.groups.flatMap((group) => group.rules)].flatMap((each) =>
        metricsIn(JSON.stringify(each)),
      ),
    );
    const unused = own.filter((name) => {
      const family = name.replace(/_(?:bucket|count|sum)$/, '');
      return ![...shown, ...explained].some((each) => each === name || each.startsWith(family));
    });
    expect(unused, 'exposed, but neither shown nor explained').toEqual([]);
  });

  it('is OpenMetrics by Prometheus’ rules for names and units', () => {
    for (const text of [control, node]) {
      expect(text.endsWith('# EOF\n')).toBe(true);
      const types = new Map(
        [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [
          name,
          type,
        ]),
      );
      for (const line of text.split('\n').filter((each) => /^signet_/.test(each))) {
        const name = /^[a-z0-9_]+/.exec(line)?.[0] ?? '';
        expect(line).toMatch(/^[a-z0-9_]+(?:\{[^{}]*\})? -?[0-9.e+-]+$/);
        expect(name).not.toMatch(/_(?:ms|millis|milliseconds|percent)(?:_|$)/);
        const family = name.replace(/_(?:total|bucket|count|sum)$/, '');
        const type = types.get(family) ?? types.get(name);
        expect(type, line).toBeDefined();
        if (type === 'counter') expect(name).toMatch(/_total$/);
        if (type === 'histogram') expect(family).toMatch(/_seconds$/);
        expect(text).toContain(`# HELP ${types.has(family) ? family : name} `);
      }
    }
  });

  it.skipIf(!isInstalled('promtool'))(
    'is without fault for promtool (needs promtool)',
    async () => {
      for (const text of [control, node]) {
        // promtool reads the older text format, which describes a counter under its whole name.
        const counters = [...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name);
        const input = text.replace(/^(# (?:HELP|TYPE)) (\S+)/gm, (line, what, name) =>
          counters.includes(name) && !name.endsWith('_total') ? `${what} ${name}_total` : line,
        );
        const checked = await runCommand('promtool', ['check', 'metrics'], { input });
        expect(checked).toMatchObject({ code: 0, stderr: '' });
      }
      const path = pathOf('prometheus-alerts.yml');
      expect(await runCommand('promtool', ['check', 'rules', path])).toMatchObject({ code: 0 });
    },
  );

  it('counts in a histogram’s buckets what it counts in all', () => {
    const phase = (name: string) => `signet_node_upstream_seconds${name}`;
    for (const [line] of node.matchAll(/^signet_node_upstream_seconds_count.*$/gm)) {
      const [labels = '', count = ''] = line.replace(phase('_count'), '').split(' ');
      const open = labels.replace('}', ',le="+Inf"}');
      expect(node).toContain(`${phase('_bucket')}${open} ${count}\n`);
      expect(count).toBe('1');
    }
  });
});

/** What the chart watches is what there is to see. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { textOf } from '../house/tree.ts';
import { findTool, run } from '../protocols/tool.ts';

const FILES = fileURLToPath(new URL('../../charts/daemun/files', import.meta.url));
const ALERTS = `${FILES}/alerts.yaml`;
const DASHBOARDS = readdirSync(`${FILES}/dashboard`);
const KNOWN = new Set(textOf('docs/reference/metrics.md').match(/\b(daemun|process)_[a-z0-9_]+/g));

interface Dashboard {
  uid: string;
  title: string;
  annotations: { list: unknown[] };
  panels: Array<{ id: number; title: string; gridPos: { x: number; y: number }; targets: Array<{ expr: string }> }>;
}

const metricsIn = (text: string): string[] =>
  [...new Set(text.match(/\b(daemun|process)_[a-z0-9_]+/g))].map((name) => name.replace(/_bucket$/, ''));

test('alerts ask for metrics that there are', () => {
  const { groups } = parse(readFileSync(ALERTS, 'utf8')) as { groups: Array<{ rules: Array<{ expr: string }> }> };
  const asked = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => metricsIn(expr)));
  expect(asked.length).toBeGreaterThan(5);
  expect(asked.filter((name) => !KNOWN.has(name))).toEqual([]);
});

test('promtool finds nothing wrong with the alerts', async () => {
  const promtool = findTool('promtool', 'prometheus');
  if (promtool === undefined) return;
  const { code, stdout, stderr } = await run(promtool, ['check', 'rules', ALERTS]);
  expect(stdout + stderr).toMatch(/SUCCESS: \d+ rules found/);
  expect(code).toBe(0);
});

describe.each(DASHBOARDS)('dashboard %s', (file) => {
  const dashboard = JSON.parse(readFileSync(`${FILES}/dashboard/${file}`, 'utf8')) as Dashboard;

  test('asks for metrics that there are', () => {
    const asked = dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr)));
    expect(asked.filter((name) => !KNOWN.has(name))).toEqual([]);
  });

  // Grafana's published schema asks for it, and tools that read dashboards by that schema refuse one without.
  test('has its list of annotations', () => {
    expect(dashboard.annotations).toEqual({ list: [] });
  });

  test('has panels that each have a place and a name of their own', () => {
    const { panels } = dashboard;
    for (const of of [panels.map(({ title }) => title), panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)]) {
      expect(new Set(of).size).toBe(panels.length);
    }
  });
});

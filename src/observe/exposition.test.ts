import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exposition, mergeMetrics } from './exposition.ts';
import { Metrics } from './metrics.ts';

test('counters and gauges have a line a series, under HELP and TYPE, families in order of name', () => {
  const metrics = new Metrics();
  metrics.gauge('daemun_up', 'Is it up').value = 1;
  metrics.counter('daemun_requests_total', 'Requests', { route: 'a', code: '200' }).value = 3;
  metrics.counter('daemun_requests_total', 'Requests', { route: 'b', code: '500' }).value = 1;
  expect(exposition(metrics.snapshot())).toBe(
    [
      '# HELP daemun_requests_total Requests',
      '# TYPE daemun_requests_total counter',
      'daemun_requests_total{code="200",route="a"} 3',
      'daemun_requests_total{code="500",route="b"} 1',
      '# HELP daemun_up Is it up',
      '# TYPE daemun_up gauge',
      'daemun_up 1',
      '',
    ].join('\n'),
  );
});

test('histogram buckets are cumulative and end at the count', () => {
  const metrics = new Metrics();
  const histogram = metrics.histogram('daemun_seconds', 'Time', { labels: { route: 'a' }, bounds: [0.1, 1] });
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value);
  expect(exposition(metrics.snapshot()).split('\n').slice(2)).toEqual([
    'daemun_seconds_bucket{route="a",le="0.1"} 2',
    'daemun_seconds_bucket{route="a",le="1"} 3',
    'daemun_seconds_bucket{route="a",le="+Inf"} 4',
    'daemun_seconds_sum{route="a"} 7.65',
    'daemun_seconds_count{route="a"} 4',
    '',
  ]);
});

test('quotes, backslashes and newlines are escaped where the format asks', () => {
  const metrics = new Metrics();
  metrics.counter('x_total', 'a\\b\nc "d"', { path: 'say "hi"\\\n' }).value = 1;
  expect(exposition(metrics.snapshot())).toBe(
    '# HELP x_total a\\\\b\\nc "d"\n# TYPE x_total counter\nx_total{path="say \\"hi\\"\\\\\\n"} 1\n',
  );
});

test('numbers that are not finite are written as Prometheus reads them', () => {
  const metrics = new Metrics();
  for (const [name, value] of Object.entries({ a: Number.NaN, b: Number.POSITIVE_INFINITY, c: -Infinity })) {
    metrics.gauge('x', 'X', { name }).value = value;
  }
  expect(exposition(metrics.snapshot())).toContain('x{name="a"} NaN\nx{name="b"} +Inf\nx{name="c"} -Inf\n');
});

test('merging workers adds up each series and leaves the parts alone', () => {
  const count = fc.nat(1000);
  fc.assert(
    fc.property(fc.array(fc.record({ a: count, b: count, slow: count }), { minLength: 1 }), (workers) => {
      const snapshots = workers.map(({ a, b, slow }) => {
        const metrics = new Metrics();
        metrics.counter('n_total', 'N', { route: 'a' }).value = a;
        if (b > 0) metrics.counter('n_total', 'N', { route: 'b' }).value = b;
        metrics.histogram('t', 'T', { bounds: [10] }).observe(slow);
        return metrics.snapshot();
      });
      const before = JSON.stringify(snapshots);
      const [n, t] = mergeMetrics(snapshots);
      const sum = (pick: (w: (typeof workers)[number]) => number) => workers.reduce((s, w) => s + pick(w), 0);
      expect(n!.series.find(({ labels }) => labels.route === 'a')!.value).toBe(sum((w) => w.a));
      expect(n!.series.find(({ labels }) => labels.route === 'b')?.value ?? 0).toBe(sum((w) => w.b));
      expect(t!.series[0]!.sum).toBe(sum((w) => w.slow));
      expect(t!.series[0]!.counts!.reduce((x, y) => x + y)).toBe(workers.length);
      expect(JSON.stringify(snapshots)).toBe(before);
    }),
  );
});

test('of what workers should agree on, the largest is taken', () => {
  const snapshots = [3, 5, 4].map((version) => {
    const metrics = new Metrics();
    metrics.largest('config_version', 'Version').value = version;
    return metrics.snapshot();
  });
  expect(exposition(mergeMetrics(snapshots))).toContain('\nconfig_version 5\n');
});

test('one name with two types is a programming error', () => {
  const one = new Metrics();
  one.counter('x', 'X');
  const two = new Metrics();
  two.gauge('x', 'X');
  expect(() => mergeMetrics([one.snapshot(), two.snapshot()])).toThrow(/two shapes/);
});

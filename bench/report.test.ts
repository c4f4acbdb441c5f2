import { describe, expect, it } from 'vitest';
import { cases } from './case/index.ts';
import { renderDocument } from './document.ts';
import { parseH2load } from './load/h2load.ts';
import { wrkScript } from './load/wrk.ts';
import { chooseCores } from './machine.ts';
import { daemunManifests } from './peer/daemun.ts';
import { busiest } from './profile.ts';
import { renderText, reportCase, round } from './report.ts';
import { percentile, spread } from './statistics.ts';

const tiny = cases.find(({ name }) => name === 'tiny')!;
const tcp = cases.find(({ name }) => name === 'tcp')!;

describe('spread', () => {
  it('is the median between the extremes', () => {
    expect(spread([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(spread([4, 2])).toEqual({ median: 3, min: 2, max: 4 });
    expect(percentile([10, 30, 20, 40], 0.5)).toBe(30);
    expect(percentile([7], 0.99)).toBe(7);
  });
});

describe('report', () => {
  const sample = (cpu: number): Record<string, number> => ({ cpu, p50: 1, p99: 2 });
  const entries = [
    { label: 'daemun', peer: 'daemun', samples: [sample(8), sample(18)] },
    { label: 'nginx', peer: 'nginx', samples: [sample(10), sample(20)] },
    { label: 'caddy', peer: 'caddy', samples: [], reason: 'caddy did not serve' },
  ];

  it('compares with the baseline of the same repetition', () => {
    const { contenders, goals, leftOut } = reportCase(tiny, entries);
    expect(contenders[0]?.ratios.cpu).toMatchObject({ min: 0.8, max: 0.9 });
    expect(goals[0]).toMatchObject({ bound: 'atMost', limit: 0.9, met: true });
    expect(leftOut).toEqual([{ label: 'caddy', reason: 'caddy did not serve' }]);
  });

  it('says missed where a goal was missed, and not measured where there is no figure', () => {
    const slow = [{ ...entries[0]!, samples: [sample(11), sample(22)] }, entries[1]!];
    expect(renderText(reportCase(tiny, slow))).toContain('MISSED: daemun: cpu ≤ 0.9 of nginx, reached 1.10');
    expect(renderText(reportCase(tiny, entries.slice(1)))).toContain('not measured: daemun: cpu ≤ 0.9 of nginx');
  });

  it('asks for no less than the goal where more is better', () => {
    const bulk = ['daemun', 'haproxy'].map((peer, i) => ({
      label: peer,
      peer,
      samples: [{ throughput: 700 + i * 300 }],
    }));
    expect(reportCase(tcp, bulk).goals[0]).toMatchObject({ bound: 'atLeast', reached: 0.7, met: false });
  });

  it('becomes a document with a line for each goal and a section for each case', () => {
    const machine = { cpu: 'Z80', cores: 2, kernel: 'CP/M', memoryMiB: 1, node: 'v26', loadBefore: 0.1 };
    const report = reportCase(tiny, entries);
    const kept = { date: '2026-01-02', command: 'npm run bench', machine, versions: { nginx: '1.2' }, report };
    const text = renderDocument([{ ...kept, profile: [{ where: 'parse (head.ts:1)', share: 0.5 }] }]);
    expect(text).toContain('| [Body of 2 bytes](#tiny) | cpu | ≤ 0.9 of nginx | 0.85 | met |');
    expect(text).toContain('Left out: caddy (caddy did not serve).');
    expect(text).toContain('| 50.0 % | `parse (head.ts:1)` |');
    expect(text).toContain(
      'Measured 2026-01-02, `npm run bench`, Z80, 2 cores, CP/M, Node v26, load average before the run 0.1; nginx 1.2.',
    );
  });

  it('prints three digits or so', () => {
    expect([0.123, 12.34, 1234.5].map(round)).toEqual(['0.12', '12.3', '1235']);
  });
});

describe('cases', () => {
  it('have names and baselines of their own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    for (const { figures, goals } of cases) {
      for (const goal of goals) expect(figures.map(({ name }) => name)).toContain(goal.figure);
    }
  });
});

describe('load', () => {
  it('leaves the request of a single target to wrk', () => {
    const script = wrkScript({ port: 1, seconds: 1, hosts: ['a'], targets: ['/'], dir: '' });
    expect(script).toContain('wrk.path = "/"');
    expect(script).not.toContain('request = ');
  });

  it('asks every host for every target', () => {
    const script = wrkScript({ port: 1, seconds: 1, hosts: ['a', 'b'], targets: ['/1', '/2'], dir: '' });
    for (const pair of ['{"a", "/1"}', '{"a", "/2"}', '{"b", "/1"}', '{"b", "/2"}']) expect(script).toContain(pair);
  });

  it('counts only answers with a 2xx status from h2load', () => {
    const output =
      'requests: 12 total, 12 started, 12 done, 10 succeeded, 2 failed, 1 errored, 0 timeout\n' +
      'status codes: 9 2xx, 0 3xx, 0 4xx, 1 5xx\n';
    expect(parseH2load(output)).toEqual({ done: 9, failed: 4 });
    expect(() => parseH2load('nothing')).toThrow('no result');
  });
});

describe('cores', () => {
  it('are one for the proxy and the others for the load', () => {
    expect(chooseCores([2, 3, 5])).toEqual({ proxy: '2', load: '3,5', pair: '2,3' });
    expect(chooseCores([4])).toEqual({ proxy: '4', load: '4', pair: '4' });
  });
});

describe('manifests for Daemun', () => {
  it('hold one HTTPRoute of ten rules for each host', () => {
    const paths = Array.from({ length: 10 }, (_, i) => `/${i}`);
    const setup = { kind: 'http' as const, hosts: ['a', 'b'], paths, backend: 1, workers: 1 };
    const routes = daemunManifests(setup).filter((object) => 'kind' in object && object.kind === 'HTTPRoute');
    expect(routes).toHaveLength(2);
    expect(routes[0]).toMatchObject({ spec: { hostnames: ['a'], rules: { length: 10 } } });
  });
});

describe('profile', () => {
  it('adds up self time by function and leaves out idle time and what is not of the load', () => {
    const frame = (functionName: string, url = ''): object => ({ functionName, url, lineNumber: 4 });
    const nodes = [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('parse', 'file:///x/head.ts') },
      { id: 3, callFrame: frame('(program)') },
    ] as Parameters<typeof busiest>[0][number]['nodes'];
    const profile = { nodes, startTime: 1000, samples: [2, 1, 2, 3, 2, 2], timeDeltas: [5, 100, 10, 10, 20, 40] };
    expect(busiest([profile], { from: 1010, to: 1145 })).toEqual([
      { where: 'parse (head.ts:5)', share: 0.75 },
      { where: '(program)', share: 0.25 },
    ]);
  });
});

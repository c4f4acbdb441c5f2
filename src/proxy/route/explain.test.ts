import { describe, expect, it } from 'vitest';
import { type ExampleRule, exampleListener, exampleRule } from './example.suite.ts';
import { compileTable, explainMatch, type MatchExplanation, PlanCache } from './index.ts';

function explain(rules: ExampleRule[], target: string, asked: { host?: string; serverName?: string } = {}) {
  const listeners = [exampleListener('http'), exampleListener('other', 'other.org')];
  const table = compileTable({ listeners, rules: rules.map(exampleRule), plans: new PlanCache() });
  const { host = 'www.example.com', serverName = '' } = asked;
  return explainMatch(table, { method: 'GET', host, target, headers: [['version', 'one']] }, serverName);
}

const story = ({ candidates }: MatchExplanation) =>
  candidates.map(({ rule, outcome, failed, decidedBy }) => [rule.route.name, outcome, failed?.text ?? decidedBy]);

describe('explainMatch', () => {
  it('names every candidate in the order of precedence, with what failed or which criterion decided', () => {
    const explanation = explain(
      [
        { route: 'any' },
        { route: 'wild', on: ['*.example.com'] },
        { route: 'young', on: ['www.example.com'], created: '2026-01-02T00:00:00Z', matches: [{ path: '/a' }] },
        { route: 'old', on: ['www.example.com'], created: '2026-01-01T00:00:00Z', matches: [{ path: '/a' }] },
        { route: 'exact', on: ['www.example.com'], matches: [{ path: '=/a' }] },
        { route: 'two', on: ['www.example.com'], matches: [{ path: '/a', headers: ['version=two'] }] },
      ],
      '/a/b',
    );
    expect(story(explanation)).toEqual([
      ['exact', 'failed', 'path is /a'],
      ['two', 'failed', 'header version is "two"'],
      ['old', 'chosen', undefined],
      ['young', 'overruled', 'older route'],
      ['wild', 'overruled', 'exact hostname before wildcard'],
      ['any', 'overruled', 'exact hostname before wildcard'],
    ]);
    expect(explanation.chosen).toBe(2);
    expect(explanation.listeners.map(({ name }) => name)).toEqual(['http']);
  });

  it('names what comes closest where nothing matches', () => {
    const explanation = explain(
      [
        { route: 'far', matches: [{ path: '/x' }] },
        { route: 'near', matches: [{ path: '/api/v1' }] },
        { route: 'nearest', matches: [{ path: '/api', method: 'PUT' }] },
      ],
      '/api/v2',
    );
    expect(explanation.chosen).toBe(-1);
    const closest = explanation.closest.map((i) => explanation.candidates[i]!.rule.route.name);
    expect(closest).toEqual(['nearest', 'near', 'far']);
  });

  it('names the hostnames that are served where no route takes the host', () => {
    const explanation = explain([{ route: 'a', on: ['a.example.com'] }], '/');
    expect([explanation.candidates, explanation.hostnames]).toEqual([[], ['a.example.com']]);
  });

  it('names the listeners’ hostnames where none takes the host', () => {
    const table = compileTable({ listeners: [exampleListener('o', 'o.org')], rules: [], plans: new PlanCache() });
    const explanation = explainMatch(table, { method: 'GET', host: 'x.org', target: '/', headers: [] }, '');
    expect([explanation.listeners, explanation.hostnames]).toEqual([[], ['o.org']]);
  });

  it('says that a request is misdirected, and then considers no route', () => {
    const explanation = explain([{ route: 'any' }], '/', { serverName: 'other.org' });
    expect([explanation.misdirected, explanation.chosen, explanation.candidates]).toEqual([true, -1, []]);
  });

  it('says that it takes too long to find out', () => {
    const costly = Array.from({ length: 150 }, (_, i) => ({
      route: `r${i}`,
      matches: [{ path: `~.*[ab]*x${i}` }],
    }));
    const explanation = explain([...costly, { route: 'next' }], `/${'ab'.repeat(4_000)}`);
    expect(explanation).toMatchObject({ overdrawn: true, chosen: -1, candidates: [], closest: [] });
    expect(explain([...costly, { route: 'next' }], '/ab')).toMatchObject({ overdrawn: false, chosen: 150 });
  });

  it('is plain JSON', () => {
    const explanation = explain([{ route: 'any' }], '/');
    expect(JSON.parse(JSON.stringify(explanation))).toMatchObject({ chosen: 0, misdirected: false });
  });

  it('refuses requests that are larger than any that is served', () => {
    const table = compileTable({ listeners: [], rules: [], plans: new PlanCache() });
    const request = { method: 'GET', host: 'a', target: `/${'a'.repeat(70_000)}`, headers: [] };
    expect(() => explainMatch(table, request, '')).toThrow(RangeError);
  });
});

/** Several methods of one policy: who is asked, who gets in, and what the backend gets of it. */
import { describe, expect, test } from 'vitest';
import type { AuthenticationSettings } from '../../../config/index.ts';
import { PolicyState } from '../../state/index.ts';
import { type Asked, RecordedScope } from '../filter.suite.ts';
import { IDENTITY } from '../identity.ts';
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  HeaderPatch,
  LATER,
  type Reply,
  type Verdict,
  type Waiting,
} from '../index.ts';
import { placeReader } from './credential-place.ts';
import { challenged, type Finding, type Method, type Refusal, refusal } from './method.ts';
import { MethodFilter } from './method-filter.ts';
import { MethodGroup } from './method-group.ts';

/** One that can be made to wait, and that says what is to be hidden. */
class PatientScope extends RecordedScope {
  readonly concealed: string[] = [];
  readonly waits: Array<number | undefined> = [];
  readonly came = Promise.withResolvers<'on' | Denial | Reply>();

  override conceal(name?: string): void {
    this.concealed.push(name ?? '');
  }

  override wait(timeout?: number): Waiting {
    this.waits.push(timeout);
    const { resolve } = this.came;
    return { proceed: () => resolve('on'), respond: resolve, respondKept: () => {}, deny: resolve };
  }
}

const SOURCE = 'AuthenticationPolicy/default/p';
const known = (subject: string, more: object = {}): Finding => ({
  identity: { subject, claims: { sub: subject, ...more } },
});
const absent = challenged('absent', 'One', 'A');
const wrong = challenged('wrong', 'Two', 'B');
const broken = refusal('broken', 503, 'C');

interface Double extends Partial<Method> {
  finds: Finding | Promise<Finding>;
}

/** Methods that find what they are told to, and who of them was asked. */
function policy(settings: Partial<AuthenticationSettings>, ...doubles: Double[]) {
  const asked: number[] = [];
  const methods = doubles.map(
    ({ finds, ...rest }, at): Method => ({
      takesSecret: () => true,
      ...rest,
      identify: () => {
        asked.push(at);
        return finds;
      },
    }),
  );
  const state = new PolicyState();
  const whole: AuthenticationSettings = {
    require: 'Any',
    methods: [],
    anonymous: { paths: [], addresses: [] },
    headers: [],
    ...settings,
  };
  const act = { source: SOURCE, holds: 'Default' } as const;
  const group = new MethodGroup(act, whole, { methods, state });
  const filters = methods.map(
    (method, at) =>
      new MethodFilter(act, method, { group, name: `m${at}`, first: at === 0, last: at === methods.length - 1, state }),
  );
  return { asked, filters };
}

/** As a chain runs them: until one answers or waits. */
function pass(filters: readonly CompiledFilter[], asked: Asked | PatientScope = {}) {
  const scope = asked instanceof PatientScope ? asked : new PatientScope(asked);
  for (const filter of filters) {
    const verdict = filter.onRequest(scope);
    if (verdict !== CONTINUE) return { scope, verdict };
  }
  return { scope, verdict: CONTINUE };
}

describe('Any', () => {
  test('the first who vouches is enough, and nobody after him is asked', () => {
    const { asked, filters } = policy({}, { finds: absent }, { finds: known('a') }, { finds: known('b') });
    const { scope, verdict } = pass(filters);
    expect([verdict, asked, scope.kept(IDENTITY)?.subject]).toEqual([CONTINUE, [0, 1], 'a']);
    expect(scope.told).toEqual([`${SOURCE} m1 allowed`, 'a']);
  });

  test('where nobody vouches, what says most is told, with all that may be asked for', () => {
    for (const [finds, refused, status] of [
      [[absent, wrong], 'm1', 401],
      [[wrong, absent], 'm0', 401],
      [[broken, absent], 'm1', 401],
      [[broken, broken], 'm0', 503],
    ] as Array<[Refusal[], string, number]>) {
      const { filters } = policy({}, ...finds.map((one) => ({ finds: one })));
      const { scope, verdict } = pass(filters);
      expect([verdict, scope.denial?.status, scope.told]).toEqual([
        ANSWERED,
        status,
        [`${SOURCE} ${refused} ${status === 503 ? 'failed-closed' : 'denied'}`],
      ]);
      const challenges = finds.flatMap(({ challenge = [] }) => challenge);
      expect(scope.denial!.headers).toEqual(status === 401 ? challenges.map((one) => ['WWW-Authenticate', one]) : []);
      expect(scope.kept(IDENTITY)).toBeUndefined();
    }
  });

  test('one that is broken keeps nobody from coming in by another', () => {
    for (const finds of [
      [broken, known('a')],
      [known('a'), broken],
    ]) {
      const { filters } = policy({}, ...finds.map((one) => ({ finds: one })));
      expect(pass(filters).verdict).toBe(CONTINUE);
    }
  });

  test('what only another looks at, and nobody has verified, goes: whoever it is that vouches', () => {
    const [x, y] = ['x', 'y'].map((name) => [placeReader({ in: 'Header', name })]);
    const both: Asked = {
      headers: [
        ['x', '1'],
        ['y', '2'],
      ],
    };
    const drops = (...doubles: Double[]) => [...pass(policy({}, ...doubles).filters, both).scope.requestPatch.drops];
    expect(drops({ finds: known('a'), places: x! }, { finds: absent, places: y! })).toEqual(['y']);
    expect(drops({ finds: absent, places: x! }, { finds: known('a'), places: y! })).toEqual(['x']);
    expect(drops({ finds: known('a'), showsAll: true }, { finds: absent, places: y! })).toEqual([]);
    expect(drops({ finds: known('a') }, { finds: absent, places: y! })).toEqual(['y']);
  });
});

describe('All', () => {
  const all = { require: 'All' } as const;

  test('who vouches is not enough where another does not, whichever it is', () => {
    for (const [finds, told, asked] of [
      [[known('a'), wrong], 'm1 denied', [0, 1]],
      [[wrong, known('a')], 'm0 denied', [0]],
      [[known('a'), wrong, known('b')], 'm1 denied', [0, 1]],
      [[known('a'), known('b'), broken], 'm2 failed-closed', [0, 1, 2]],
    ] as Array<[Finding[], string, number[]]>) {
      const made = policy(all, ...finds.map((one) => ({ finds: one })));
      const { scope, verdict } = pass(made.filters);
      expect([verdict, scope.told, made.asked]).toEqual([ANSWERED, [`${SOURCE} ${told}`], asked]);
      expect(scope.kept(IDENTITY)).toBeUndefined();
    }
  });

  test('who vouch together are the first of them, with what the others know', () => {
    const made = policy(all, { finds: known('a', { x: 1 }) }, { finds: known('b', { x: 2, y: 3 }) });
    const { scope, verdict } = pass(made.filters);
    expect([verdict, scope.kept(IDENTITY)]).toMatchObject([
      CONTINUE,
      { subject: 'a', claims: { sub: 'a', x: 1, y: 3 } },
    ]);
    expect(scope.told).toEqual([`${SOURCE} m1 allowed`, 'a']);
  });

  test('all are verified, so all that they look at goes on', () => {
    const places = [placeReader({ in: 'Header', name: 'x' })];
    const made = policy(all, { finds: known('a'), places }, { finds: known('b') });
    expect(pass(made.filters, { headers: [['x', '1']] }).scope.requestPatch.isEmpty).toBe(true);
  });
});

describe('nobody is asked', () => {
  const anonymous = {
    paths: [{ type: 'PathPrefix', value: '/open' } as const],
    addresses: ['198.51.100.0/24'],
  };
  const hiding = (): Double => ({
    finds: absent,
    secrets: ['k'],
    strip: (scope) => scope.patchRequest(HeaderPatch.of({ set: [], add: [], remove: ['x-secret'] })),
  });

  test.each<[string, Asked, boolean]>([
    ['on a path', { target: '/open/a' }, true],
    ['from an address', { from: '198.51.100.7' }, true],
    ['both', { target: '/open', from: '198.51.100.7' }, true],
    ['on another path', { target: '/opened' }, false],
    ['from another address', { from: '198.51.101.7' }, false],
    ['on what a backend may read as another path', { target: '/open/..;/a' }, false],
  ])('%s', (_, from, open) => {
    for (const require of ['Any', 'All'] as const) {
      const made = policy({ require, anonymous }, hiding(), { finds: absent });
      const { scope, verdict } = pass(made.filters, from);
      expect([verdict, made.asked.length > 0]).toEqual(open ? [CONTINUE, false] : [ANSWERED, true]);
      expect(scope.told).toEqual([`${SOURCE} ${open ? '' : 'm0'} ${open ? 'anonymous' : 'denied'}`]);
      // As of who is asked: none of it is for the backend, or for a log.
      expect([...scope.requestPatch.drops, ...scope.concealed]).toEqual(['x-secret', 'k']);
      const one = policy({ require, anonymous }, { finds: absent });
      expect(pass(one.filters, from).verdict).toBe(open ? CONTINUE : ANSWERED);
    }
  });

  test('what it finds depends on what is secret but where nobody is asked, or somebody was found', () => {
    const { filters } = policy({ anonymous }, { finds: known('a') }, { finds: absent });
    const takes = (at: number, scope: PatientScope) => filters[at]!.takesSecret(scope);
    expect(takes(0, new PatientScope({ target: '/open' }))).toBe(false);
    expect(takes(0, new PatientScope({ target: '/' }))).toBe(true);
    const scope = new PatientScope({});
    filters[0]!.onRequest(scope);
    expect(takes(1, scope)).toBe(false);
  });

  test('and the lines that say who asks are nobody’s', () => {
    const headers = [{ name: 'X-User', claim: 'sub' }];
    const open = policy({ anonymous, headers }, { finds: known('a') });
    const { scope } = pass(open.filters, { target: '/open', headers: [['x-user', 'root']] });
    expect([[...scope.requestPatch.drops], scope.requestPatch.lines]).toEqual([['x-user'], []]);
    const { scope: asked } = pass(open.filters, { target: '/', headers: [['x-user', 'root']] });
    expect([[...asked.requestPatch.drops], asked.requestPatch.text]).toEqual([['x-user'], 'X-User: a\r\n']);
  });
});

describe('who takes time', () => {
  const late = (finding: Finding, timeout = 7): Double => ({ finds: Promise.resolve(finding), timeout });

  test('is waited for as long as he may take, and then goes on or does not', async () => {
    const passes = pass(policy({}, late(known('a'))).filters);
    expect([passes.verdict, passes.scope.waits]).toEqual([LATER, [7]]);
    expect(await passes.scope.came.promise).toBe('on');
    expect(passes.scope.kept(IDENTITY)?.subject).toBe('a');
    const refused = pass(policy({}, late(wrong)).filters);
    expect(await refused.scope.came.promise).toMatchObject({ status: 401 });
    const reply = { status: 302, headers: [], body: '' };
    const sent = pass(policy({}, late({ ...wrong, reply })).filters);
    expect(await sent.scope.came.promise).toEqual(reply);
  });

  test('is followed by the next one, who need not be asked, or must', async () => {
    const made = policy({}, late(known('a')), { finds: known('b') });
    const first = pass(made.filters);
    await first.scope.came.promise;
    expect([pass(made.filters.slice(1), first.scope).verdict, made.asked]).toEqual([CONTINUE, [0]]);
    const other = policy({}, late(absent), { finds: wrong });
    const second = pass(other.filters);
    expect(await second.scope.came.promise).toBe('on');
    expect([pass(other.filters.slice(1), second.scope).verdict, other.asked]).toEqual([ANSWERED, [0, 1]]);
  });

  test('and then fails lets nobody in', async () => {
    for (const require of ['Any', 'All'] as const) {
      const { scope } = pass(policy({ require }, { finds: Promise.reject(new Error('gone')) }).filters);
      expect(await scope.came.promise).toMatchObject({ status: 500, reason: 'authentication_failed' });
      expect(scope.kept(IDENTITY)).toBeUndefined();
    }
  });
});

test('of a request that is routed again all is asked again', () => {
  const made = policy({}, { finds: absent }, { finds: known('a') });
  const { scope } = pass(made.filters);
  expect([pass(made.filters, scope).verdict, made.asked]).toEqual([CONTINUE, [0, 1, 0, 1]]);
});

test('a refusal may be an answer of its own, at once too', () => {
  const reply = { status: 302, headers: [['Location', '/in']] as const, body: 'x' };
  const { scope, verdict } = pass(policy({}, { finds: { ...absent, reply } }).filters);
  expect([verdict, scope.answer]).toEqual([ANSWERED, { status: 302, headers: [['Location', '/in']], body: 'x' }]);
});

test('who passes since nobody answered is counted as that', () => {
  const finds: Finding = { identity: { subject: '', claims: {} }, unanswered: true };
  expect(pass(policy({}, { finds }).filters).scope.told[0]).toBe(`${SOURCE} m0 failed-open`);
});

test('of two policies the outer one says who asks, and what either has for the backend goes there', () => {
  const patch = (name: string) => HeaderPatch.of({ set: [{ name, value: '1' }], add: [], remove: [] });
  const finds = (subject: string, name: string): Finding => ({
    identity: { subject, claims: {}, request: patch(name), response: patch(`${name}-back`) },
  });
  const scope = new PatientScope({});
  pass(policy({}, { finds: finds('a', 'x') }).filters, scope);
  pass(policy({}, { finds: finds('b', 'y') }).filters, scope);
  expect(scope.kept(IDENTITY)?.subject).toBe('a');
  expect(scope.told.filter((one) => !one.includes(' '))).toEqual(['a']);
  expect(scope.requestPatch.text).toBe('x: 1\r\ny: 1\r\n');
  expect(scope.responsePatch.text).toBe('x-back: 1\r\ny-back: 1\r\n');
});

test('yields to what is nearer where it is a default', () => {
  const [filter] = policy({}, { finds: absent }).filters;
  expect(filter!.yields).toBe(true);
});

test('looks at the answer where its method does, and at no other', () => {
  const onResponseHead = (): Verdict => CONTINUE;
  const { filters } = policy({}, { finds: absent, onResponseHead }, { finds: absent });
  expect(filters.map((one) => one.onResponseHead)).toEqual([onResponseHead, undefined]);
});

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AccessRule } from '../../config/index.ts';
import { compileCel } from '../../value/cel.ts';
import { COUNTED_BYTES, MAX_CEL_STEPS } from '../../value/cel-cost.ts';
import { charge, MAX_MATCH_STEPS, Overdrawn, renewAllowance, taken } from '../ground/allowance.ts';
import { FIELD_STRIDE, NAME_HASH, NO_NAME } from '../ground/head.ts';
import type { CountryDatabase } from '../state/index.ts';
import { CompiledAccessRule, needsIdentity } from './access-rule.ts';
import { type Asked, RecordedScope } from './filter.suite.ts';
import { IDENTITY } from './identity.ts';

beforeEach(renewAllowance);
afterEach(renewAllowance);

/** Of the dearest that are taken: each slash of a path is a turn of the loop. */
const DEAR = 'request.path.split("/").exists(part, part == "admin")';

function ruleOf(cel: string): CompiledAccessRule {
  const rule = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [], cel };
  return new CompiledAccessRule(rule, 'Any');
}

const ask = (target: string) => new RecordedScope({ target });

test('what an expression may cost is counted as looks of the request, by the length of the request', () => {
  const rule = ruleOf(DEAR);
  expect(rule.takes(ask('/a/admin'), true)).toBe(true);
  const short = taken();
  expect(short).toBeLessThan(MAX_MATCH_STEPS / 20);
  renewAllowance();
  expect(rule.takes(ask(`/${'a/'.repeat(4_000)}`), true)).toBe(false);
  expect(taken()).toBeGreaterThan(8 * short);
  expect(taken()).toBeLessThan(MAX_MATCH_STEPS);
});

test('a request that was looked at for long enough is not asked about further, whatever is said where nobody knows', () => {
  charge(MAX_MATCH_STEPS + 1);
  expect(() => ruleOf('true').takes(ask('/'), true)).toThrow(Overdrawn);
});

test('all policies of a request together take what one request may take, and one expression more', () => {
  const rule = ruleOf(DEAR);
  const long = ask(`/${'/'.repeat(7_800)}`);
  let asked = 0;
  const before = process.threadCpuUsage();
  expect(() => {
    for (;;) {
      rule.takes(long, false);
      asked++;
    }
  }).toThrow(Overdrawn);
  const { user, system } = process.threadCpuUsage(before);
  expect(asked).toBeLessThan(10);
  expect(taken()).toBeLessThanOrEqual(MAX_MATCH_STEPS + MAX_CEL_STEPS);
  // Milliseconds.
  expect((user + system) / 1_000).toBeLessThan(20);
});

test('a request costs less than in proportion to the longest', () => {
  const { steps, stepsFor } = compileCel(DEAR);
  expect(stepsFor(COUNTED_BYTES, 1)).toBe(steps);
  expect(stepsFor(COUNTED_BYTES / 4, 1)).toBeLessThan(steps / 3);
  expect(stepsFor(0, 0)).toBeGreaterThan(0);
  expect(compileCel('request.headers.exists(n, n == "x")').stepsFor(0, 512)).toBeGreaterThan(512 * 12);
});

/** What a rule may say, a request for which it holds, and another one that differs in that alone. */
const SAID: ReadonlyArray<[said: Partial<AccessRule>, other: Asked & { role?: string }]> = [
  [{ addresses: ['192.0.2.0/24'] }, { from: '198.51.100.1' }],
  [{ methods: ['POST', 'PUT'] }, { method: 'GET' }],
  [{ paths: [{ type: 'PathPrefix', value: '/admin' }] }, { target: '/' }],
  [{ headers: [{ type: 'Exact', name: 'x-a', value: '1' }] }, { headers: [['x-a', '2']] }],
  [{ claims: [{ name: 'role', values: ['ops', 'dev'] }] }, { role: 'guest' }],
  [{ cel: 'request.host == "a.example"' }, { host: 'b.example' }],
];

function asked(other: Asked & { role?: string } = {}): RecordedScope {
  const { role = 'ops', ...rest } = other;
  const held = {
    from: '192.0.2.7',
    method: 'POST',
    target: '/admin/x',
    headers: [['x-a', '1']] as const,
    host: 'a.example',
  };
  const scope = new RecordedScope({ ...held, ...rest });
  scope.keep(IDENTITY, { subject: 's', claims: { role } });
  return scope;
}

test('a rule takes what all that it says holds for, whatever else it says', () => {
  for (const [one, otherOfOne] of SAID) {
    for (const [two, otherOfTwo] of SAID) {
      for (const [three, otherOfThree] of SAID) {
        const said = { ...one, ...two, ...three };
        const nothing = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [] };
        const rule = new CompiledAccessRule({ ...nothing, ...said }, 'Any');
        expect(rule.takes(asked(), false), JSON.stringify(said)).toBe(true);
        for (const other of [otherOfOne, otherOfTwo, otherOfThree]) {
          renewAllowance();
          expect(rule.takes(asked(other), false), JSON.stringify({ said, other })).toBe(false);
        }
      }
    }
  }
});

test('who is not known has no claims, and of a list one value is enough', () => {
  const nothing = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [] };
  const rule = new CompiledAccessRule({ ...nothing, claims: [{ name: 'role', values: ['ops', 'dev'] }] }, 'Any');
  expect(rule.takes(new RecordedScope({ target: '/' }), true)).toBe(false);
  expect(rule.takes(asked({ role: 'dev' }), false)).toBe(true);
});

test('scopes are words, in one text or as a list; other claims are not taken apart', () => {
  const nothing = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [] };
  const takes = (names: readonly string[], claims: Record<string, unknown>): boolean => {
    const rule = new CompiledAccessRule(
      { ...nothing, claims: names.map((name) => ({ name, values: ['read'] })) },
      'Any',
    );
    const scope = new RecordedScope({ target: '/' });
    scope.keep(IDENTITY, { subject: 's', claims });
    return rule.takes(scope, false);
  };
  for (const name of ['scope', 'scp']) {
    for (const said of ['read', 'write read', 'read write', ['write', 'read'], 'a  read']) {
      expect(takes([name], { [name]: said }), JSON.stringify(said)).toBe(true);
    }
    for (const said of ['', 'reader', 'write re-ad', 'READ', ['write'], { read: true }, undefined]) {
      expect(takes([name], { [name]: said }), JSON.stringify(said)).toBe(false);
    }
  }
  expect(takes(['role'], { role: 'write read' })).toBe(false);
  const both = { ...nothing, claims: ['read', 'write'].map((one) => ({ name: 'scope', values: [one] })) };
  const scope = new RecordedScope({ target: '/' });
  scope.keep(IDENTITY, { subject: 's', claims: { scope: 'read' } });
  expect(new CompiledAccessRule(both, 'Any').takes(scope, false)).toBe(false);
});

/** What an expression says of a request. */
const says = (cel: string, scope: RecordedScope): boolean => ruleOf(cel).takes(scope, false);

test('an expression reads header lines of one name as one value, cookies by their own sign, and none that is gone', () => {
  const lines: Array<[string, string]> = [
    ['x-a', '1'],
    ['cookie', 'a=1'],
    ['X-A', '2'],
    ['Cookie', 'b=2'],
    ['x-gone', '1'],
  ];
  const scope = (): RecordedScope => {
    const made = new RecordedScope({ headers: lines });
    made.head.fields[4 * FIELD_STRIDE + NAME_HASH] = NO_NAME;
    return made;
  };
  expect(says('request.headers["x-a"] == "1,2"', scope())).toBe(true);
  expect(says('request.headers["cookie"] == "a=1; b=2"', scope())).toBe(true);
  expect(says('"x-gone" in request.headers', scope())).toBe(false);
  expect(says('size(request.headers) == 2', scope())).toBe(true);
});

test('an expression reads who asks, where that is known', () => {
  const cel = 'request.auth.subject == "ann" && request.auth.claims.role == "ops"';
  const by = (subject: string, role: string): RecordedScope => {
    const scope = new RecordedScope({});
    scope.keep(IDENTITY, { subject, claims: { role } });
    return scope;
  };
  const scope = by('ann', 'ops');
  // Twice: it is brought into form once.
  expect([says(cel, scope), says(cel, scope)]).toEqual([true, true]);
  expect([says(cel, by('bob', 'ops')), says(cel, by('ann', 'dev'))]).toEqual([false, false]);
  expect(ruleOf(cel).takes(new RecordedScope({}), false)).toBe(false);
  expect(ruleOf(cel).takes(new RecordedScope({}), true)).toBe(true);
});

test('an expression that is neither true nor false has no value', () => {
  const rule = ruleOf('request.auth.claims.blocked');
  const taken = (blocked: unknown): boolean[] => {
    const scope = new RecordedScope({});
    scope.keep(IDENTITY, { subject: 'ann', claims: { blocked } });
    return [rule.takes(scope, true), rule.takes(scope, false)];
  };
  expect([taken(true), taken(false)]).toEqual([
    [true, true],
    [false, false],
  ]);
  for (const blocked of ['true', 'false', '', 1, 0, null, [], {}]) expect(taken(blocked)).toEqual([true, false]);
});

test('who asks must be known for claims, and for an expression that reads it', () => {
  const nothing = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [] };
  expect(needsIdentity(nothing)).toBe(false);
  expect(needsIdentity({ ...nothing, claims: [] })).toBe(true);
  expect(needsIdentity({ ...nothing, cel: 'request.path == "/"' })).toBe(false);
  expect(needsIdentity({ ...nothing, cel: 'request.auth.subject == "a"' })).toBe(true);
  expect(needsIdentity({ ...nothing, claims: [], cel: 'request.path == "/"' })).toBe(true);
});

test('of countries the database is asked, anew when it or the address is another; without one there is no rule', () => {
  const rule = { name: 'r', addresses: [], methods: [], paths: [], headers: [], times: [], countries: ['NZ', 'CH'] };
  const database = { version: 1, places: new Map<string, string | null | undefined>(), asked: 0 };
  const countryOf = (address: string): string | null | undefined => {
    database.asked++;
    return database.places.get(address);
  };
  const made = new CompiledAccessRule(
    rule,
    'Any',
    Object.assign(database, { countryOf }) as unknown as CountryDatabase,
  );
  const from = (address: string, unsure = false): boolean => made.takes(new RecordedScope({ from: address }), unsure);
  database.places = new Map([
    ['192.0.2.1', 'CH'],
    ['192.0.2.2', 'FR'],
    ['192.0.2.3', null],
  ]);
  expect([from('192.0.2.1'), from('192.0.2.1'), from('192.0.2.2'), from('192.0.2.3', true)]).toEqual([
    ...[true, true, false, false],
  ]);
  expect(database.asked).toBe(3);
  expect([from('192.0.2.9', true), from('192.0.2.9', false)]).toEqual([true, false]);
  database.places.set('192.0.2.9', 'NZ');
  database.version++;
  expect(from('192.0.2.9')).toBe(true);
  expect(() => new CompiledAccessRule(rule, 'Any')).toThrow('countries are not known');
});

test('a rule of times takes nothing outside of them', () => {
  const at = (hour: number): number => (hour * 60) % 1440;
  const now = new Date();
  const hour = now.getUTCHours();
  const times = (from: number, to: number): AccessRule['times'] => [
    { days: [], from: at(hour + from), to: at(hour + to), timeZone: 'UTC' },
  ];
  const nothing = { name: 'r', addresses: [], methods: [], paths: [], headers: [] };
  const takes = (from: number, to: number): boolean =>
    new CompiledAccessRule({ ...nothing, times: times(from, to) }, 'Any').takes(new RecordedScope({}), true);
  expect([takes(22, 3), takes(6, 12)]).toEqual([true, false]);
});

test('each byte of a request and each of its header lines is charged for', () => {
  const charged = (scope: () => RecordedScope): number => {
    renewAllowance();
    ruleOf('true').takes(scope(), true);
    return taken();
  };
  const bare = charged(() => new RecordedScope({ target: '/' }));
  expect(charged(() => new RecordedScope({ target: `/${'a'.repeat(4_000)}` })) - bare).toBeGreaterThanOrEqual(4_000);
  const lines = Array.from({ length: 50 }, (_, at) => [`x-${at}`, ''] as const);
  expect(charged(() => new RecordedScope({ target: '/', headers: lines })) - bare).toBeGreaterThanOrEqual(50 * 200);
});

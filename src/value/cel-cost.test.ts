import { describe, expect, test } from 'vitest';
import { fewest, threadTime } from '../../test/pace.ts';
import { compileCel } from './cel.ts';
import { COUNTED_BYTES, COUNTED_ITEMS, COUNTED_LINES, MAX_CEL_LOOPS, MAX_CEL_STEPS } from './cel-cost.ts';

const tooLong = 'may take too long for a long request';
const half = COUNTED_BYTES / 2;
const longest = {
  request: { method: 'GET', path: `/${'a'.repeat(half)}`, query: 'a'.repeat(half), host: 'a.example', headers: {} },
  source: { address: '192.0.2.1' },
};

const many = (count: number, one: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => one(i)).join(' || ');
const loopOf = (count: number, one: (i: number) => string) => `request.headers.exists(a, ${many(count, one)})`;

describe('what users ask of requests costs little:', () => {
  test.each([
    'request.path.contains("/admin") || request.query.contains("debug=") || request.headers["a"].contains("curl")',
    'request.headers.exists(name, name.startsWith("x-") && request.headers[name].contains("evil"))',
    'request.path.split("/").exists(part, part == "admin")',
    '["/admin", "/internal", "/debug", "/metrics"].exists(path, request.path.contains(path))',
    'request.method in ["GET", "HEAD"] && has(request.headers.a) && request.headers.a.startsWith("Bearer ")',
    'request.auth.claims.groups.exists(group, group == "admin" || group == "owner")',
    '"admin" in request.auth.claims.groups && request.auth.claims.realm.roles.size() < 20',
    'request.path.split("/").size() > 8 || request.path.size() > 2000 || request.path.lastIndexOf(".php") > 0',
    'timestamp("2020-01-01T00:00:00Z").getHours("Europe/Berlin") == 1',
  ])('%s', (expression) => {
    expect(compileCel(expression).steps).toBeLessThanOrEqual(MAX_CEL_STEPS);
  });
});

describe('whoever writes expressions cannot hold up the worker:', () => {
  test.each([
    [
      'a loop over the letters of a request',
      'request.query.split("").all(c, !request.path.contains(c + "x"))',
      tooLong,
    ],
    ['a search for a text of the request', 'request.path.contains(request.query)', tooLong],
    ['text that is joined over and over', 'request.path.split("").join(request.query).size() > 0', 'join()'],
    ['what is said twice of what is said twice', 'cel.bind(a, request.path + request.path, a + a == a)', 'bind()'],
    ['lists of lists', 'request.headers.map(a, request.path.split("")).size() > 0', tooLong],
    ['a loop behind dyn()', 'dyn(request.headers).all(a, request.path.contains(a))', tooLong],
    ['a loop over what a loop made', '[1].map(a, a).all(a, a == 1)', 'a loop within a loop'],
    ['durations', loopOf(8, (i) => `duration("${i}h") == duration("${i}s")`), tooLong],
    ['times', loopOf(4, (i) => `timestamp("2020-01-0${i + 1}T00:00:00Z").getMonth() == 12`), tooLong],
    ['values of other types', loopOf(12, (i) => `dyn(a) == ${i}`), tooLong],
    ['searches from the end', many(12, (i) => `request.path.lastIndexOf("b") == ${i}`), tooLong],
    ['letters that are counted', many(14, (i) => `request.path.size() == ${i}`), tooLong],
    ['all headers that are compared', many(30, () => 'request.headers != request.headers'), tooLong],
    ['times in zones', 'request.headers.all(a, timestamp(a).getHours("Asia/Tokyo") == 1)', tooLong],
    ['a search in each of many claims', 'request.auth.claims.groups.all(g, request.path.contains(g))', tooLong],
    ['regular expressions', 'request.path.matches("(a+)+$")', 'matches()'],
  ])('%s', (_, expression, why) => {
    expect(() => compileCel(expression)).toThrow(why);
  });

  test('what is let through is done within its steps, which are nanoseconds', async () => {
    expect(MAX_CEL_LOOPS).toBe(1);
    const dearest = compileCel('request.path.split("").exists(part, part == "x")');
    expect(dearest.steps).toBeGreaterThan(MAX_CEL_STEPS / 2);
    dearest(longest);
    const most = (10 * MAX_CEL_STEPS) / 1e6;
    expect(dearest(longest)).toBe(false);
    expect(await fewest(most, 5, () => threadTime(() => dearest(longest)))).toBeLessThan(most);
  });

  test('it is counted for as many items of a claim as a token has room for', () => {
    const [each, once] = ['request.auth.claims.x.all(a, true)', '[1].all(a, true)'].map((one) => compileCel(one).steps);
    expect(each! - once!).toBeGreaterThan((COUNTED_ITEMS - 1) * 12);
  });

  test.each<[string, boolean]>([
    ['request.path == "/"', false],
    ['request.headers["auth"] == "1"', false],
    ['source.address == "1"', false],
    ['has(request.auth)', true],
    ['request["auth"].subject == "a"', true],
    ['request["a" + "uth"].subject == "a"', true],
    ['[request].exists(r, r.auth.subject == "a")', true],
    ['request.path == "/" || request.auth.subject == "a"', true],
  ])('%s looks at who asks: %s', (expression, reads) => {
    expect(compileCel(expression).readsIdentity).toBe(reads);
  });

  test('it is counted for as many header lines as there may be', () => {
    const [each, once] = ['request.headers.all(a, true)', '[1].all(a, true)'].map((one) => compileCel(one).steps);
    expect(each! - once!).toBeGreaterThan((COUNTED_LINES - 1) * 12);
  });
});

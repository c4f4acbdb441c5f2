/** What policies cost the thread that serves, where a tenant writes very many: no turn is long, and work grows with them. */
import { afterEach, expect, test } from 'vitest';
import { fewest, longestTurn } from '../../../test/pace.ts';
import type { ConfigObject, ConfigRef } from '../../config/index.ts';
import { listener, PlaneRig, rule } from './plane.suite.ts';

const MANY = 5_000;
/** Milliseconds of the thread in one turn of the loop. */
const MOST = 10;

let rig: PlaneRig;
afterEach(() => rig.close());

const routeRule = (i: number): ConfigObject =>
  rule('HTTPRoute', {
    route: { kind: 'HTTPRoute', namespace: 'd', name: `r${i}` },
    key: `HTTPRoute/d/r${i}/0`,
    attachments: [{ listener: 'd/g/l', hostnames: [`h${i}.example`] }],
    matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }],
  });

const path = (i: number) => ({ type: 'RegularExpression' as const, value: `/(api|app)-${i}/v[0-9]+/.*` });
const match = (i: number) => ({ path: path(i), headers: [], query: [] });
const condition = { addresses: [], methods: ['GET'], headers: [], times: [] };

/** Settings by type of policy. */
const KINDS: Record<string, (i: number) => object> = {
  Access: (i) => ({ deny: [{ name: '0', ...condition, paths: [path(i)] }], allow: [], statusCode: 403, shadow: false }),
  RateLimit: (i) => ({
    limits: [
      {
        ...{ type: 'Requests', name: '0', key: [], when: [match(i)], exempt: [], dryRun: false },
        ...{ requests: 9, period: 1_000, burst: 9, cost: 1, statusCode: 429 },
      },
    ],
    headers: 'All',
  }),
  Fault: (i) => ({ when: [match(i)], abort: { statusCode: 503, percentage: 1 } }),
  DirectResponse: (i) => ({ statusCode: 200, contentType: 'text/plain', body: `b${i}`, exempt: [] }),
};

function policies(type: string, count: number, edit = ''): ConfigObject[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `HTTPRoute/d/r${i}/0`;
    const acts = [{ source: `${type}Policy/d/p${i}${edit}`, holds: 'Default', settings: KINDS[type]!(i) }];
    return { kind: 'Policy', key: `${type}/${key}`, type, target: { kind: 'RouteRule', key }, spec: { acts } } as never;
  });
}

const refs = (objects: ConfigObject[]): ConfigRef[] => objects.map(({ kind, key }) => ({ kind, key }));

test.each(Object.keys(KINDS))('%s: no turn is longer than 10 ms, whatever many do', async (type) => {
  rig = new PlaneRig();
  await rig.apply([listener('HTTP'), ...Array.from({ length: MANY }, (_, i) => routeRule(i))]);
  const all = policies(type, MANY);
  const remove = () => rig.apply([], refs(all));
  const come = await fewest(MOST, 6, async () => {
    await remove();
    return longestTurn(() => rig.apply(all));
  });
  expect(come).toBeLessThan(MOST);
  let edition = 0;
  const edit = () => longestTurn(() => rig.apply(policies(type, 1, `-${edition++}`)));
  expect(await fewest(MOST, 6, edit)).toBeLessThan(MOST);
  const go = await fewest(MOST, 6, async () => {
    await rig.apply(all);
    return longestTurn(remove);
  });
  expect(go).toBeLessThan(MOST);
});

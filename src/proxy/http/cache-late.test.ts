/** Very many wait for one answer, and the backend does not give it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CacheSettings } from '../../config/index.ts';
import { MAX_COLLAPSE_WAIT } from '../filter/cache/collapsed-fetch.ts';
import { POLICY_FILTERS, Policies } from '../filter/index.ts';
import { PolicyState } from '../state/index.ts';
import { memoryService, settled } from './memory.suite.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const SETTINGS: CacheSettings = {
  maxObjectBytes: 1_000,
  maxBytes: 100_000,
  defaultTtl: 60_000,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  keyHeaders: [],
  generation: '',
};

test('who has waited as long as may be asks the backend itself, and is not refused', async () => {
  const state = new PolicyState();
  const policies = new Policies(POLICY_FILTERS, state);
  const acts = [{ source: 'ResponsePolicy/d/kept', holds: 'Default', settings: SETTINGS }];
  const target = { kind: 'RouteRule', key: 'HTTPRoute/d/r/0' };
  policies.prepare([{ key: 'Cache/r', type: 'Cache', target, spec: { acts } }]).swap();
  const rig = memoryService({ policies, endpoints: 4 });
  const count = 2_000;
  const clients = Array.from({ length: count }, () => rig.connect());
  for (const client of clients) client.deliver('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await settled();
  expect(rig.driver.opened).toHaveLength(1);
  const pass = async (milliseconds: number): Promise<void> => {
    vi.advanceTimersByTime(milliseconds);
    rig.pass(milliseconds);
    await settled();
  };
  for (let at = 0; at < MAX_COLLAPSE_WAIT - 500; at += 500) await pass(500);
  const asked = rig.driver.opened.length;
  expect(asked).toBeGreaterThan(1_000);
  expect(asked).toBeLessThan(count);
  await pass(499);
  expect(rig.accesses).toEqual([]);
  await pass(101);
  expect(rig.driver.opened).toHaveLength(count);
  expect(rig.accesses).toEqual([]);
  const decisions = state.counts.families().flatMap(({ series }) => series);
  expect(decisions.find(({ labels }) => labels.decision === 'cache-late')?.value).toBeGreaterThan(100);
  for (let i = 0; i < count; i++) rig.backend(i).deliver('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  await settled();
  expect(rig.accesses.filter(({ status }) => status === 200)).toHaveLength(count);
});

import { afterEach, expect, test } from 'vitest';
import { DeadlineWheel } from '../ground/deadline.ts';
import { backendText } from './backend-text.ts';
import type { Upstreams } from './service.ts';

const wheel = new DeadlineWheel();
wheel.start();
afterEach(() => wheel.stop());

const asking = (get: Upstreams['get'], timeout = 5_000): Promise<string> =>
  backendText({ wheel, upstreams: { get } }, { backend: 'b', host: 'h', path: '/' }, { timeout, limit: 1_000 });

test('a backend that comes a moment later is asked then, and one that never comes is not waited for', async () => {
  let looks = 0;
  const late = { broken: 'the CA bundle is missing' } as ReturnType<Upstreams['get']>;
  await expect(asking(() => (++looks < 5 ? undefined : late))).rejects.toThrow('the CA bundle is missing');
  const began = performance.now();
  await expect(asking(() => undefined)).rejects.toThrow('there is no answer: no_endpoints');
  const waited = performance.now() - began;
  expect(waited).toBeGreaterThan(900);
  expect(waited).toBeLessThan(5_000);
});

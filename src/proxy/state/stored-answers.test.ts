import { expect, test } from 'vitest';
import { AnswerStores } from './stored-answers.ts';

const URLS = 50_000;

test('a purge of very many URLs lets others have their turn, and takes nothing that comes meanwhile', async () => {
  const stores = new AnswerStores();
  const store = stores.of('policy');
  const now = performance.now();
  const times = { age: 0, storedAt: now, freshUntil: now + 1e6, whileRevalidatedUntil: 0, ifErrorUntil: 0 };
  const origin = { request: {}, response: {} };
  const named = { etag: undefined, lastModified: undefined, vary: [], lines: '', body: Buffer.alloc(1) };
  const put = (n: number): void => {
    const place = { key: `key ${n}`, host: 'a.example', target: `/${n}`, void: false };
    store.put(place, { status: 200, shared: true, ...named, ...times, origin }, 1e9);
  };
  for (let n = 0; n < URLS; n++) put(n);
  let turns = 0;
  let isDone = false;
  const turn = (): void => {
    if (isDone) return;
    put(URLS + turns++);
    setImmediate(turn);
  };
  setImmediate(turn);
  const purged = await stores.purge({ host: 'a.example' });
  isDone = true;
  expect(purged.urls).toBe(URLS);
  expect(turns).toBeGreaterThan(5);
  expect(store.size).toBe(turns);
  expect(purged.bytes).toBeGreaterThan(URLS * 500);
});

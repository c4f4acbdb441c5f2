import { expect, it } from 'vitest';
import { exampleListener, exampleRule } from './example.suite.ts';
import { compileTable, PlanCache, plainHead } from './index.ts';

const ROUNDS = 20_000;

// The smallest object takes 16 bytes; the rest is noise of the runtime.
it('a match allocates nothing', () => {
  const rules = Array.from({ length: 200 }, (_, i) =>
    exampleRule({
      route: `r${i}`,
      on: [i % 2 ? '*.example.com' : `host-${i}.example.com`],
      matches: [
        { path: `/api/v${i}`, method: 'GET', headers: ['version=two'], query: ['page=2'] },
        { path: '=/exact' },
      ],
    }),
  );
  const table = compileTable({ listeners: [exampleListener('http')], rules, plans: new PlanCache() });
  const headers = [['Version', 'two']] as const;
  const head = plainHead({ method: 'GET', host: 'host-8.example.com', target: '/api/v101/items?page=2', headers });
  const run = () => {
    for (let i = 0; i < ROUNDS; i++) if (table.match(head, 'host-8.example.com') === null) throw new Error('no match');
  };
  run();
  run();
  // The least of several runs: compilers and collectors work beside some of them.
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = process.memoryUsage().heapUsed;
    run();
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown);
  }
  expect(least / ROUNDS).toBeLessThan(4);
});

import { expect, test } from 'vitest';
import type { HealthCheck } from '../../config/index.ts';
import { DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';
import type { Driver, Link, Sink } from '../ground/driver.ts';
import type { Verdict, Verdicts } from '../state/index.ts';
import { FIRST_LOOK_WINDOW } from './checked-endpoint.ts';
import type { ProbeSite } from './probe.ts';
import { MAX_VERDICTS_READ, ProbeBook, REGROUP_INTERVAL, VERDICT_INTERVAL } from './probe-book.ts';

const CHECK: HealthCheck = {
  question: { type: 'TCP' },
  interval: 10_000,
  timeout: 1_000,
  jitterPercent: 10,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
  initialState: 'Healthy',
  panicThresholdPercent: 50,
};

const ALONE: Verdicts = {
  keyOf: () => ({ a: 0, b: 0 }),
  isOwn: () => true,
  tell() {},
  read: () => undefined,
  news: () => false,
};

/** A book on a clock of its own, whose looks open connections that open at once, or do not at all. */
class Bench {
  now = 0;
  looks = 0;
  regrouped = 0;
  fails = false;
  /** What a look that fails is told; absent: the other side closed. */
  error: NodeJS.ErrnoException | undefined;
  readonly wheel = new DeadlineWheel(() => this.now);
  readonly book: ProbeBook;
  readonly #driver: Driver = {
    connect: (_target, sink: Sink) => {
      this.looks++;
      queueMicrotask(() => (this.fails ? sink.onClose(this.error) : sink.onOpen()));
      return { close() {} } as unknown as Link;
    },
  };

  constructor(verdicts: Verdicts = ALONE) {
    this.book = new ProbeBook({ wheel: this.wheel, verdicts, troubles: undefined });
  }

  hold(count: number, check: HealthCheck = CHECK) {
    return Array.from({ length: count }, (_, i) => {
      const label = `10.0.0.1:${i}`;
      const site = {
        world: { wheel: this.wheel, driver: this.#driver },
        target: { address: '10.0.0.1', port: i },
        label,
      };
      const { wheel } = this;
      const place = { backend: 'a', lane: 'a', label, wheel, site: () => site as unknown as ProbeSite };
      return this.book.hold(label, place, { check, watcher: this });
    });
  }

  verdictsChanged(): void {
    this.regrouped++;
  }

  /** Turn by turn, and how many looks began in each. */
  async pass(milliseconds: number): Promise<number[]> {
    const each: number[] = [];
    for (const end = this.now + milliseconds; this.now < end; ) {
      const before = this.looks;
      this.now += WHEEL_TICK;
      this.wheel.advance();
      await new Promise((resolve) => setImmediate(resolve));
      each.push(this.looks - before);
    }
    return each;
  }
}

test('endpoints that came together are not looked at together, and each is once an interval', async () => {
  const bench = new Bench();
  bench.hold(2_000);
  const each = await bench.pass(30_000);
  expect(bench.looks).toBeGreaterThan(2_000 * 2.5);
  expect(bench.looks).toBeLessThan(2_000 * 3.5);
  // Ten in a turn would be even; all of them would be 2,000.
  expect(Math.max(...each)).toBeLessThan(40);
});

test('those that wait for a first look have it soon', async () => {
  const bench = new Bench();
  const endpoints = bench.hold(50, { ...CHECK, initialState: 'Unhealthy' });
  expect(endpoints.some(({ healthy }) => healthy)).toBe(false);
  await bench.pass(FIRST_LOOK_WINDOW + WHEEL_TICK);
  expect(endpoints.every(({ healthy }) => healthy)).toBe(true);
});

test('what changes of many at once is one choice anew', async () => {
  const bench = new Bench();
  bench.fails = true;
  const endpoints = bench.hold(100, { ...CHECK, interval: 100, jitterPercent: 0, unhealthyThreshold: 1 });
  await bench.pass(100 + WHEEL_TICK + REGROUP_INTERVAL + WHEEL_TICK);
  expect(endpoints.every(({ healthy }) => !healthy)).toBe(true);
  expect(bench.regrouped).toBeLessThanOrEqual(4);
});

test('where this machine could not look, nothing was found out', async () => {
  const bench = new Bench();
  const [endpoint] = bench.hold(1, { ...CHECK, interval: 100, unhealthyThreshold: 1, initialState: 'Unhealthy' });
  bench.fails = true;
  bench.error = Object.assign(new Error('too many files'), { code: 'EMFILE' });
  await bench.pass(1_000);
  expect(bench.looks).toBeGreaterThan(2);
  expect(endpoint).toMatchObject({ unknown: true, healthy: false });
  bench.fails = false;
  await bench.pass(200);
  expect(endpoint!.healthy).toBe(true);
  bench.fails = true;
  await bench.pass(1_000);
  expect(endpoint!.healthy).toBe(true);
});

test('of what other workers found so much is read in a turn, until all is read', async () => {
  let reads = 0;
  let told: Verdict | undefined;
  const others: Verdicts = {
    ...ALONE,
    isOwn: () => false,
    news: () => told !== undefined && reads < 10_000,
    read() {
      reads++;
      return told;
    },
  };
  const bench = new Bench(others);
  const endpoints = bench.hold(MAX_VERDICTS_READ + 500);
  told = { healthy: false, finding: 503 };
  let most = 0;
  for (let turn = 0; turn < (2 * VERDICT_INTERVAL) / WHEEL_TICK; turn++) {
    const before = reads;
    await bench.pass(WHEEL_TICK);
    most = Math.max(most, reads - before);
  }
  expect(most).toBe(MAX_VERDICTS_READ);
  expect(endpoints.every(({ healthy, finding }) => !healthy && finding === 503)).toBe(true);
  expect(bench.looks).toBe(0);
});

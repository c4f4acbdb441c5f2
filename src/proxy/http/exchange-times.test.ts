import { expect, test } from 'vitest';
import { DeadlineWheel, WHEEL_TICK } from '../ground/deadline.ts';
import { ExchangeTimes } from './exchange-times.ts';

const IDLE = 60_000;

/** An exchange that only tells what its times make of it. */
class Told extends ExchangeTimes {
  readonly heard: string[] = [];
  least = 0;
  most: number | undefined = undefined;
  /** What a retry does. */
  retry: () => void = () => {};

  protected override get patience(): number {
    return this.most ?? super.patience;
  }
  protected override get leastPatience(): number {
    return this.least;
  }
  protected timedOut(): void {
    this.heard.push('request');
  }
  protected attemptTimedOut(): void {
    this.heard.push('attempt');
  }
  protected waitTimedOut(): void {
    this.heard.push('wait');
  }
  protected tryAgain(): void {
    this.heard.push('again');
    this.retry();
  }
  protected idledOut(): void {
    this.heard.push('idle');
    this.end();
  }

  attempt(milliseconds: number): void {
    this.beginAttempt(milliseconds);
  }
  wait(milliseconds: number): void {
    this.beginWait(milliseconds);
  }
  decide(): void {
    this.endWait();
  }
  endAt(due: number): void {
    this.endRequestAt(due);
  }
  unlimited(): void {
    this.dropTimeouts();
  }
  retryIn(milliseconds: number): void {
    this.tryAgainIn(milliseconds);
  }
  watch(): void {
    this.watchIdle();
  }
  move(): void {
    this.active();
  }
  end(): void {
    this.endTimes();
  }
}

function rig() {
  let now = 0;
  const wheel = new DeadlineWheel(() => now);
  const exchange = new Told(wheel, IDLE);
  /** Tick by tick, as time goes. */
  const pass = (milliseconds: number): string[] => {
    for (const end = now + milliseconds; now < end; ) {
      now = Math.min(end, now + WHEEL_TICK);
      wheel.advance();
    }
    return exchange.heard.splice(0);
  };
  return { wheel, exchange, pass };
}

test('a filter that has decided is not called late, however long what follows takes', () => {
  const { exchange, pass } = rig();
  exchange.wait(1_000);
  expect(pass(500)).toEqual([]);
  exchange.decide();
  expect(pass(30_000)).toEqual([]);
});

test('a filter that does not decide is called late once', () => {
  const { exchange, pass } = rig();
  exchange.wait(1_000);
  expect(pass(30_000)).toEqual(['wait']);
});

test('what is looked at before its time has not idled', () => {
  const { exchange, pass } = rig();
  exchange.least = 1_000;
  exchange.watch();
  expect(pass(IDLE / 2)).toEqual([]);
  exchange.move();
  expect(pass(IDLE - 2 * WHEEL_TICK)).toEqual([]);
  expect(pass(3 * WHEEL_TICK)).toEqual(['idle']);
});

test('a shorter patience counts as soon as it may be, from the last byte on', () => {
  const { exchange, pass } = rig();
  exchange.least = 1_000;
  exchange.watch();
  pass(10_000);
  exchange.move();
  exchange.most = 1_000;
  expect(pass(800)).toEqual([]);
  expect(pass(2_000)).toEqual(['idle']);
});

test('a backend that is watched has its patience from the beginning of its attempt', () => {
  const { exchange, pass } = rig();
  pass(10_000);
  exchange.least = exchange.most = 1_000;
  exchange.attempt(0);
  expect(pass(900)).toEqual([]);
  expect(pass(1_200)).toEqual(['idle']);
});

test('after one time has come the others still count', () => {
  const { exchange, pass } = rig();
  exchange.attempt(1_000);
  expect(pass(2_000)).toEqual(['attempt']);
  exchange.retryIn(1_000);
  expect(pass(2_000)).toEqual(['again']);
  expect(pass(IDLE)).toEqual(['idle']);
});

test('a deadline that was given back is armed for nobody', () => {
  const { wheel, exchange, pass } = rig();
  exchange.retryIn(1_000);
  exchange.end();
  expect(pass(2 * IDLE)).toEqual([]);
  const next = new Told(wheel, IDLE);
  expect(pass(IDLE - WHEEL_TICK)).toEqual([]);
  expect(next.heard).toEqual([]);
});

test('nothing but its idleness ends an exchange that has no other times', () => {
  const { exchange, pass } = rig();
  exchange.endAt(Number.POSITIVE_INFINITY);
  exchange.attempt(0);
  expect(pass(IDLE - WHEEL_TICK)).toEqual([]);
  expect(pass(2 * WHEEL_TICK)).toEqual(['idle']);
});

test('of several times for the whole request the earliest counts, attempts and retries or not', () => {
  const { wheel, exchange, pass } = rig();
  exchange.endAt(wheel.now + 5_000);
  exchange.endAt(wheel.now + 2_000);
  exchange.endAt(wheel.now + 9_000);
  exchange.endAt(Number.POSITIVE_INFINITY);
  exchange.attempt(0);
  expect(pass(1_900)).toEqual([]);
  expect(pass(150)).toEqual(['request']);
});

test('an attempt that has ended is not timed out while the next one waits', () => {
  const { exchange, pass } = rig();
  pass(5_000);
  exchange.attempt(1_000);
  expect(pass(500)).toEqual([]);
  exchange.retryIn(2_000);
  expect(pass(1_900)).toEqual([]);
  expect(pass(10_000)).toEqual(['again']);
});

test('an answer that has begun has no times but that of its idleness', () => {
  const { wheel, exchange, pass } = rig();
  exchange.endAt(wheel.now + 2_000);
  exchange.attempt(1_000);
  exchange.unlimited();
  exchange.move();
  expect(pass(IDLE - WHEEL_TICK)).toEqual([]);
  expect(pass(2 * WHEEL_TICK)).toEqual(['idle']);
});

test('waiting for a filter is no idleness', () => {
  const { exchange, pass } = rig();
  exchange.wait(2 * IDLE);
  pass(IDLE / 2);
  exchange.decide();
  expect(pass(IDLE - 2 * WHEEL_TICK)).toEqual([]);
  expect(pass(3 * WHEEL_TICK)).toEqual(['idle']);
});

test('who gets the deadline of one that ended while it was called has it for himself', () => {
  const { wheel, exchange, pass } = rig();
  let next: Told | undefined;
  exchange.retry = () => {
    exchange.end();
    next = new Told(wheel, 1_000);
  };
  exchange.retryIn(1_000);
  expect(pass(1_100)).toEqual(['again']);
  pass(1_100);
  expect(next!.heard).toEqual(['idle']);
});

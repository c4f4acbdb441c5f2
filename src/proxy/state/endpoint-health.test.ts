import { beforeEach, expect, test } from 'vitest';
import { BackendState } from './backend-state.ts';
import {
  type EndpointHealth,
  FIRST_EVICTION,
  LONGEST_EVICTION,
  MAX_FAILURES,
  MAX_UNANSWERED,
  TRIAL_INTERVAL,
} from './endpoint-health.ts';

const clock = { now: 0 };
let backend: BackendState;
let health: EndpointHealth;

beforeEach(() => {
  clock.now = 0;
  backend = new BackendState(clock);
  [health] = ['a', 'b', 'c', 'd'].map((label) => backend.endpoints.hold(label)) as [EndpointHealth];
});

function times(count: number, act: () => void): void {
  for (let i = 0; i < count; i++) act();
}

function trials(): boolean[] {
  return [health.admits(clock.now), health.admits(clock.now)];
}

test('one refusal evicts, and a connection that opens ends that', () => {
  health.refused();
  expect([health.evictedUntil, ...trials()]).toEqual([FIRST_EVICTION, false, false]);
  health.opened();
  expect(trials()).toEqual([true, true]);
});

test('a lost connection evicts, and a connection that opens says nothing against it', () => {
  health.lost();
  health.opened();
  expect(trials()).toEqual([false, false]);
  health.answered(200);
  expect(trials()).toEqual([true, true]);
});

test('requests without an answer evict after some in a row, and any answer begins the count anew', () => {
  times(MAX_UNANSWERED - 1, () => health.unanswered());
  health.answered(404);
  times(MAX_UNANSWERED - 1, () => health.unanswered());
  expect(health.evictedUntil).toBe(0);
  health.opened();
  health.unanswered();
  expect(health.evictedUntil).toBe(FIRST_EVICTION);
});

test('error statuses evict later, and those of the application never', () => {
  times(MAX_FAILURES * 2, () => health.answered(501));
  times(MAX_FAILURES - 1, () => health.answered(503));
  expect(health.evictedUntil).toBe(0);
  health.answered(500);
  expect(health.evictedUntil).toBe(FIRST_EVICTION);
});

test('when the time is up one request now and then tries it; a bad answer doubles the time, a good one ends it', () => {
  health.lost();
  let time = FIRST_EVICTION;
  for (let i = 0; i < 8; i++) {
    clock.now = health.evictedUntil;
    expect(trials()).toEqual([true, false]);
    clock.now += TRIAL_INTERVAL;
    expect(trials()).toEqual([true, false]);
    health.unanswered();
    time = Math.min(LONGEST_EVICTION, time * 2);
    expect(health.evictedUntil).toBe(clock.now + time);
  }
  clock.now = health.evictedUntil;
  health.answered(200);
  expect(trials()).toEqual([true, true]);
  health.lost();
  expect(health.evictedUntil).toBe(clock.now + FIRST_EVICTION);
});

test('an endpoint that stops, and only finishes what it has, stays away while it refuses', () => {
  health.refused();
  health.answered(200);
  expect(trials()).toEqual([false, false]);
  clock.now = FIRST_EVICTION;
  health.answered(200);
  expect(trials()).toEqual([true, true]);
});

test('what requests say evicts at most half of a backend’s endpoints', () => {
  const all = ['a', 'b', 'c', 'd'].map((label) => backend.endpoints.hold(label));
  for (const one of all) times(MAX_FAILURES, () => one.answered(503));
  expect(backend.evicted).toBe(2);
  for (const one of all) one.refused();
  expect(backend.evicted).toBe(4);
  expect(backend.evictions).toEqual({ connect: 2, ping: 0, unanswered: 0, status: 2 });
});

import { expect, test, vi } from 'vitest';
import type { Ack, Backend, Delta } from '../config/index.ts';
import { Intake } from './intake.ts';

function backend(key: string, port = 80): Backend {
  return { kind: 'Backend', key, service: { namespace: 'd', name: key, port }, protocol: 'http' };
}

function rig({ rejects = (): Ack['rejected'] => [] } = {}) {
  const applied: Delta[] = [];
  const drained: number[] = [];
  const acks: Ack[] = [];
  const errors: string[] = [];
  let gate = Promise.withResolvers<void>();
  const intake = new Intake({
    name: 'p',
    open: () => ({
      apply: async (delta) => {
        applied.push(delta);
        await gate.promise;
        return { version: delta.version, proxy: 'p', rejected: rejects(), listeners: [] };
      },
      metrics: () => [],
      drain: async (timeout) => void drained.push(timeout),
    }),
    onAck: (ack) => acks.push(ack),
    onError: (error, { version }) => errors.push(`${version} ${error.message}`),
  });
  const proceed = (error?: Error): void => {
    const before = gate;
    gate = Promise.withResolvers<void>();
    if (error) before.reject(error);
    else before.resolve();
  };
  return { intake, applied, drained, acks, errors, proceed };
}

const delta = (version: number, ...upserts: Backend[]): Delta => ({ version, upserts, removals: [] });
const no = (key: string) => ({ kind: 'Backend' as const, key, code: 'DMN_CONFIG_INVALID', message: 'no' });

test('what comes while a delta is applied is applied as one, however much it is', async () => {
  const { intake, applied, acks, proceed } = rig();
  intake.take(delta(1, backend('a')));
  await vi.waitFor(() => expect(applied).toHaveLength(1));
  for (let version = 2; version <= 1000; version++) intake.take(delta(version, backend('a', version), backend('b')));
  intake.take({ version: 1001, upserts: [], removals: [{ kind: 'Backend', key: 'b' }] });
  proceed();
  await vi.waitFor(() => expect(applied).toHaveLength(2));
  expect(applied[1]).toEqual({
    ...delta(1001, backend('a', 1000)),
    removals: [{ kind: 'Backend', key: 'b' }],
  });
  proceed();
  await vi.waitFor(() => expect(acks.map(({ version }) => version)).toEqual([1, 1001]));
});

test('what was set aside of a form that a later one replaced is told no more', async () => {
  const { intake, applied, acks, proceed } = rig();
  intake.take(delta(1));
  await vi.waitFor(() => expect(applied).toHaveLength(1));
  intake.take(delta(2), [no('a'), no('b')]);
  intake.take(delta(3, backend('a')));
  proceed();
  await vi.waitFor(() => expect(applied).toHaveLength(2));
  proceed();
  await vi.waitFor(() => expect(acks.at(-1)).toMatchObject({ version: 3, rejected: [no('b')] }));
});

test('a delta that fails stops none after it', async () => {
  const { intake, applied, acks, errors, proceed } = rig();
  intake.take(delta(1));
  await vi.waitFor(() => expect(applied).toHaveLength(1));
  intake.take(delta(2));
  proceed(new Error('a fault of ours'));
  await vi.waitFor(() => expect(applied).toHaveLength(2));
  proceed();
  await vi.waitFor(() => expect(acks.map(({ version }) => version)).toEqual([2]));
  expect(errors).toEqual(['1 a fault of ours']);
});

test('a delta is applied once, and another one that comes when all is at rest, too', async () => {
  const { intake, applied, acks, proceed } = rig();
  for (let version = 1; version <= 3; version++) {
    intake.take(delta(version));
    await vi.waitFor(() => expect(applied).toHaveLength(version));
    proceed();
    await vi.waitFor(() => expect(acks).toHaveLength(version));
  }
  await new Promise(setImmediate);
  expect(applied.map(({ version }) => version)).toEqual([1, 2, 3]);
});

test('what comes in one turn is applied as one', async () => {
  const { intake, applied } = rig();
  for (let version = 1; version <= 3; version++) intake.take(delta(version, backend(`b${version}`)));
  await vi.waitFor(() => expect(applied).not.toHaveLength(0));
  expect(applied).toEqual([delta(3, backend('b1'), backend('b2'), backend('b3'))]);
});

test('what was rejected is told until a new form of it comes', async () => {
  const rejected: Array<Ack['rejected']> = [[no('a')], [], []];
  const { intake, applied, acks, proceed } = rig({ rejects: () => rejected.shift()! });
  for (const [at, object] of [backend('a'), backend('b'), backend('a', 8080)].entries()) {
    intake.take(delta(at + 1, object));
    await vi.waitFor(() => expect(applied).toHaveLength(at + 1));
    proceed();
    await vi.waitFor(() => expect(acks).toHaveLength(at + 1));
  }
  expect(acks.map((ack) => ack.rejected)).toEqual([[no('a')], [no('a')], []]);
});

test('its end is that of its receiver; one that keeps no answers has none to forget', async () => {
  const { intake, drained } = rig();
  await intake.drain(7);
  expect(drained).toEqual([7]);
  expect(await intake.purge({ paths: [] } as never)).toEqual({ urls: 0, bytes: 0 });
});

/** Events, against the embedded API. */
import { afterEach, describe, expect, test } from 'vitest';
import { EventRecorder, newFaults } from '../../src/reconcile/index.ts';
import { ApiClient } from '../../src/sources/cluster/index.ts';
import { type ApiObject, ApiServer, FORBIDDEN } from './index.ts';

const OURS = 'daemun.dev/gateway-controller';
const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(limits = {}) {
  const api = await ApiServer.start();
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  open.push(
    () => api.close(),
    () => client.close(),
  );
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
  const lines: string[] = [];
  const note = (_: object, text: string): void => void lines.push(text);
  const recorder = new EventRecorder({
    client,
    controllerName: OURS,
    instance: 'pod-1',
    log: { error: note, warn: note, info: note, debug: note },
    limits,
    now: () => clock.now,
  });
  const events = (): ApiObject[] => {
    const kind = api.kinds.find(({ kind, group }) => kind === 'Event' && group === 'events.k8s.io')!;
    return api.store.list(kind, 'shop');
  };
  return { api, recorder, events, clock, lines };
}

const edge = (name = 'edge') =>
  ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
  }) as const;
const fault = (message = 'Secret shop/cert does not exist') => ({ reason: 'InvalidCertificateRef', message });

describe('events', () => {
  test('say of which object, why, and by whom', async () => {
    const { recorder, events } = await start();
    recorder.warn(edge(), fault());
    await recorder.settled();
    expect(events()).toMatchObject([
      {
        type: 'Warning',
        reason: 'InvalidCertificateRef',
        note: 'Secret shop/cert does not exist',
        regarding: { kind: 'Gateway', namespace: 'shop', name: 'edge', uid: 'uid-edge' },
        reportingController: OURS,
        reportingInstance: 'pod-1',
        eventTime: '2026-01-01T00:00:00.000000Z',
      },
    ]);
  });

  test('count up where the same is said again, and are made anew when that one is gone or old', async () => {
    const { api, recorder, events, clock } = await start({ series: 1000 });
    for (let i = 0; i < 3; i++) recorder.warn(edge(), fault());
    await recorder.settled();
    expect(events()).toMatchObject([{ series: { count: 3 } }]);
    clock.now += 1001;
    recorder.warn(edge(), fault());
    await recorder.settled();
    expect(events()).toHaveLength(2);
    const kind = api.kinds.find(({ kind, group }) => kind === 'Event' && group === 'events.k8s.io')!;
    for (const { metadata } of events()) api.store.delete(kind, 'shop', metadata.name);
    recorder.warn(edge(), fault());
    await recorder.settled();
    expect(events()).toHaveLength(1);
  });

  test('are no more than an object and a cluster can have, and what was left out is told', async () => {
    const { recorder, events, clock, lines } = await start({ perObject: 2, total: 3 });
    for (let i = 0; i < 5; i++) recorder.warn(edge(), fault(`${i}`));
    for (let i = 0; i < 5; i++) recorder.warn(edge('other'), fault(`${i}`));
    await recorder.settled();
    expect(events()).toHaveLength(3);
    clock.now += 6 * 60_000;
    recorder.warn(edge(), fault('later'));
    await recorder.settled();
    expect(events()).toHaveLength(4);
    expect(lines).toEqual(['7 events were left out: there were too many']);
  });

  test('that cannot be written stop nothing', async () => {
    const { api, recorder, events } = await start();
    api.fault = () => FORBIDDEN;
    recorder.warn(edge(), fault('x'.repeat(5000)));
    await recorder.settled();
    api.fault = () => undefined;
    recorder.warn(edge(), fault('x'.repeat(5000)));
    await recorder.settled();
    expect((events()[0] as unknown as { note: string }).note).toHaveLength(1024);
  });
});

describe('faults that a status has got', () => {
  const condition = (type: string, status: string, reason: string): object => ({
    type,
    status,
    reason,
    message: reason,
  });
  const ours = new Set([OURS]);
  const parents = (controllerName: string, ...conditions: object[]) => ({ parents: [{ controllerName, conditions }] });

  test.each([
    [
      'not accepted, of which not programmed follows',
      [condition('Accepted', 'False', 'NoMatchingParent'), condition('Programmed', 'False', 'Invalid')],
      ['NoMatchingParent'],
    ],
    ['not programmed alone', [condition('Programmed', 'False', 'NoResources')], ['NoResources']],
    [
      'what passes',
      [condition('Programmed', 'False', 'AddressNotAssigned'), condition('Programmed', 'Unknown', 'Pending')],
      [],
    ],
    [
      'a negative one',
      [condition('Conflicted', 'True', 'HostnameConflict'), condition('Accepted', 'True', 'Accepted')],
      ['HostnameConflict'],
    ],
  ])('%s', (_, conditions, reasons) => {
    expect(newFaults({}, { conditions }, ours).map(({ reason }) => reason)).toEqual(reasons);
    expect(newFaults({ conditions }, { conditions }, ours)).toEqual([]);
  });

  test('are those of our entries, and each is told once', () => {
    const bad = condition('ResolvedRefs', 'False', 'BackendNotFound');
    expect(newFaults({}, parents('example.com/other', bad), ours)).toEqual([]);
    const twice = { parents: [...parents(OURS, bad).parents, ...parents(OURS, bad).parents] };
    expect(newFaults({}, twice, ours)).toHaveLength(1);
    const listener = { listeners: [{ name: 'https', conditions: [bad] }] };
    expect(newFaults({}, listener, ours)).toMatchObject([{ message: 'listener https: BackendNotFound' }]);
  });
});

/** Events, against the embedded API. */
import { afterEach, describe, expect, test } from 'vitest';
import { EventRecorder, mendedFaults, newFaults } from '../../src/reconcile/index.ts';
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

  test('of one namespace leave room for those of others', async () => {
    const { api, recorder, events } = await start({ perNamespace: 2, total: 3 });
    for (let i = 0; i < 5; i++) recorder.warn({ ...edge(`flood-${i}`), namespace: 'red' }, fault());
    recorder.warn(edge(), fault());
    await recorder.settled();
    expect(events()).toHaveLength(1);
    const kind = api.kinds.find(({ kind, group }) => kind === 'Event' && group === 'events.k8s.io')!;
    expect(api.store.list(kind, 'red')).toHaveLength(2);
  });

  test('say once that what was warned of is mended, whatever else was said of the object', async () => {
    const { recorder, events } = await start({ perObject: 2 });
    for (let i = 0; i < 5; i++) {
      recorder.warn(edge(), fault());
      recorder.mended(edge(), [fault(), fault('and this')]);
      recorder.mended(edge(), []);
    }
    await recorder.settled();
    const note =
      'no longer so: Secret shop/cert does not exist (InvalidCertificateRef); and this (InvalidCertificateRef)';
    const typeOf = (event: ApiObject): string => (event as unknown as { type: string }).type;
    expect(events().sort((a, b) => (typeOf(a) < typeOf(b) ? 1 : -1))).toMatchObject([
      { type: 'Warning', series: { count: 2 } },
      { type: 'Normal', reason: 'Mended', note, series: { count: 2 } },
    ]);
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
    ['certificates whose names overlap', [condition('OverlappingTLSConfig', 'True', 'OverlappingHostnames')], []],
  ])('%s', (_, conditions, reasons) => {
    expect(newFaults({}, { conditions }, ours).map(({ reason }) => reason)).toEqual(reasons);
    expect(newFaults({ conditions }, { conditions }, ours)).toEqual([]);
  });

  test('are mended where nothing is wrong in their place any more', () => {
    const mended = (before: Record<string, unknown>, after: Record<string, unknown>) =>
      mendedFaults(before, after, ours).map(({ message }) => message);
    const bad = condition('ResolvedRefs', 'False', 'BackendNotFound');
    const other = condition('ResolvedRefs', 'False', 'RefNotPermitted');
    const good = condition('ResolvedRefs', 'True', 'ResolvedRefs');
    expect(mended({ conditions: [bad] }, { conditions: [good] })).toEqual(['BackendNotFound']);
    // Another fault of the same condition is told itself, and one that stays is not mended.
    expect(mended({ conditions: [bad] }, { conditions: [other] })).toEqual([]);
    expect(mended({ conditions: [bad] }, { conditions: [bad] })).toEqual([]);
    expect(mended({ conditions: [good] }, { conditions: [good] })).toEqual([]);
    const listeners = (...all: object[]) => ({
      listeners: all.map((one, at) => ({ name: `l${at}`, conditions: [one] })),
    });
    expect(mended(listeners(bad, bad), listeners(good, bad))).toEqual(['listener l0: BackendNotFound']);
    expect(mended(listeners(bad, bad), listeners(good))).toHaveLength(2);
    expect(mended(parents('example.com/other', bad), {})).toEqual([]);
    const two = (...all: object[]) => ({
      parents: all.map((one, at) => ({ controllerName: OURS, parentRef: { name: `p${at}` }, conditions: [one] })),
    });
    // What is still so of another parent is no less so.
    expect(mended(two(bad, bad), two(good, bad))).toEqual([]);
    expect(mended(two(bad, bad), two(good, good))).toEqual(['BackendNotFound']);
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

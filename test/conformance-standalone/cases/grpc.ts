import { deepEqual, equal } from 'node:assert/strict';
import { type Case, expectShares } from '../case.ts';
import { call } from '../client.ts';
import { INFRA, type Scene } from '../scene.ts';

const UNIMPLEMENTED = 12;

interface Row {
  on?: string;
  method?: string;
  authority?: string;
  metadata?: Record<string, string>;
  /** Number of the backend; absent: the call must be answered UNIMPLEMENTED. */
  to?: number;
}

async function calls(scene: Scene, on: string, rows: Row[]): Promise<void> {
  const place = scene.place(on, 80);
  for (const { to, method = 'Echo', on: other, ...rest } of rows) {
    const expected =
      to === undefined ? { code: UNIMPLEMENTED, by: '' } : { code: 0, by: `${INFRA}/grpc-infra-backend-v${to}` };
    const { code, by } = await call({ ...(other ? scene.place(other, 80) : place), method, ...rest });
    equal(`${code} ${by}`, `${expected.code} ${expected.by}`, JSON.stringify({ method, ...rest }));
  }
}

/** GRPCRoute. */
export const GRPC: Case[] = [
  {
    test: 'GRPCExactMethodMatching',
    served: ['GRPCRoute exact-matching'],
    prove: (scene, { on }) =>
      calls(scene, on, [{ method: 'Echo', to: 1 }, { method: 'EchoTwo', to: 2 }, { method: 'EchoThree' }]),
  },
  {
    test: 'GRPCRouteNamedRule',
    served: ['GRPCRoute grpc-named-rules'],
    prove: (scene, { on }) =>
      calls(scene, on, [
        { method: 'Echo', to: 1 },
        { method: 'EchoTwo', to: 2 },
      ]),
  },
  {
    test: 'GRPCRouteHeaderMatching',
    served: ['GRPCRoute grpc-header-matching'],
    prove: (scene, { on }) =>
      calls(scene, on, [
        { metadata: { version: 'one' }, to: 1 },
        { metadata: { version: 'two' }, to: 2 },
        { metadata: { version: 'two', color: 'orange' }, to: 1 },
        { metadata: { version: 'two', color: 'blue' }, to: 2 },
        { metadata: { color: 'orange' } },
        { metadata: { 'some-other-header': 'one' } },
        { metadata: { color: 'blue' }, to: 1 },
        { metadata: { color: 'green' }, to: 1 },
        { metadata: { color: 'red' }, to: 2 },
        { metadata: { color: 'yellow' }, to: 2 },
        { metadata: { color: 'purple' } },
      ]),
  },
  {
    test: 'GRPCRouteListenerHostnameMatching',
    on: 'grpcroute-listener-hostname-matching',
    served: [1, 2, 3].map((at) => `GRPCRoute backend-v${at}`),
    prove: (scene, { on }) =>
      calls(scene, on, [
        { authority: 'bar.com', to: 1 },
        { authority: 'foo.bar.com', to: 2 },
        { authority: 'baz.bar.com', to: 3 },
        { authority: 'boo.bar.com', to: 3 },
        { authority: 'multiple.prefixes.bar.com', to: 3 },
        { authority: 'multiple.prefixes.foo.com', to: 3 },
        { authority: 'foo.com' },
        { authority: 'no.matching.host' },
      ]),
  },
  {
    test: 'GRPCRouteMultipleGateways',
    served: ['shared', 'dedicated'].map((name) =>
      name === 'shared' ? 'GRPCRoute multiple-gateways-shared-route' : 'GRPCRoute same-namespace-dedicated-route',
    ),
    status: ['multiple-gateways-shared-route', 'all-namespaces-dedicated-route'].map(
      (name) => `GRPCRoute ${name} @all-namespaces Accepted=True:Accepted`,
    ),
    prove: (scene, { on }) =>
      calls(scene, on, [
        { to: 1 },
        { method: 'EchoTwo', to: 2 },
        { on: 'all-namespaces', to: 1 },
        { on: 'all-namespaces', method: 'EchoTwo', to: 3 },
      ]),
  },
  {
    test: 'GRPCRouteRequestHeaderModifier',
    served: ['GRPCRoute grpc-request-header-modifier'],
    standIns: true,
    async prove(scene, { on }) {
      const place = scene.place(on, 80);
      // Rules with equal matches: the first has them all.
      const set = await call({ ...place, method: 'Echo', metadata: { 'some-other': 'kept', 'x-header-set': 'old' } });
      equal(set.by, `${INFRA}/grpc-infra-backend-v1`);
      deepEqual([set.received['some-other'], set.received['x-header-set']], ['kept', 'set-overwrites-values']);
      const metadata = { 'x-header-set-1': 'old', 'x-header-add-2': 'sent', 'x-header-remove-2': 'gone' };
      const { by, received } = await call({ ...place, method: 'EchoTwo', metadata });
      equal(by, `${INFRA}/grpc-infra-backend-v2`);
      const names = ['set-1', 'set-2', 'add-1', 'add-2', 'remove-2'].map((name) => received[`x-header-${name}`]);
      deepEqual(names, ['header-set-1', 'header-set-2', 'header-add-1', 'sent, header-add-2', undefined]);
    },
  },
  {
    test: 'GRPCRouteWeight',
    served: ['GRPCRoute weighted-backends'],
    async prove(scene, { on }) {
      const place = scene.place(on, 80);
      const name = (at: number) => `${INFRA}/grpc-infra-backend-v${at}`;
      await expectShares({ [name(1)]: 0.7, [name(2)]: 0.3, [name(3)]: 0 }, async (at) => {
        return (await call({ ...place, method: 'Echo', metadata: { 'x-jitter': String(at) } })).by;
      });
    },
  },
];

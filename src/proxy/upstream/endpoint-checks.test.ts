import { expect, test } from 'vitest';
import { fewest, threadTime } from '../../../test/pace.ts';
import type { Endpoint, HealthCheck } from '../../config/index.ts';
import { DeadlineWheel } from '../ground/deadline.ts';
import { ProbeBook } from '../probe/index.ts';
import { ProxyState, type Verdict, type Verdicts } from '../state/index.ts';
import { Balancer } from './balancer.ts';
import type { EndpointPool } from './connection.ts';

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

/** A balancer that goes by what another worker says. */
function checked(count: number, said: Map<string, Verdict>) {
  let clock = 0;
  const wheel = new DeadlineWheel(() => clock);
  const state = new ProxyState(wheel);
  const names: string[] = [];
  const verdicts: Verdicts = {
    keyOf: (name) => ({ a: names.push(name) - 1, b: 0 }),
    isOwn: () => false,
    tell() {},
    read: ({ a }) => said.get(names[a]!.split(' ').at(-1)!),
    news: () => true,
  };
  const probes = new ProbeBook({ wheel, verdicts, troubles: undefined });
  const service = { namespace: 'n', name: 's', port: 80 };
  const balancer = new Balancer(
    { kind: 'Backend', key: 'n/s:80', service, protocol: 'http' },
    {
      world: { driver: { connect: () => expect.fail('nobody looks here') }, wheel, state, probes },
      makePool: (_world, { address, port, label = '', health }) =>
        ({
          address,
          port,
          label,
          health,
          load: 0,
          retired: false,
          open: () => null,
          cancel() {},
          retire() {},
        }) satisfies EndpointPool,
    },
  );
  const endpoints = Array.from(
    { length: count },
    (_, i): Endpoint => ({ address: `10.1.${i >> 8}.${i & 255}`, port: 80, state: 'ready' }),
  );
  balancer.update(endpoints);
  balancer.healthCheck = CHECK;
  const hear = (): void => {
    for (let i = 0; i < 20; i++) {
      clock += 50;
      wheel.advance();
    }
  };
  return { balancer, hear, endpoints };
}

const OUT: Verdict = { healthy: false, finding: 503 };

function picked(balancer: Balancer, count: number): Set<string> {
  return new Set(Array.from({ length: count }, () => balancer.pick()?.label ?? ''));
}

test('what is found out is gone by; a list that comes anew changes nothing of it, and one that is gone is forgotten', () => {
  const said = new Map([['10.1.0.0:80', OUT]]);
  const { balancer, hear, endpoints } = checked(3, said);
  const others = new Set(['10.1.0.1:80', '10.1.0.2:80']);
  hear();
  expect(picked(balancer, 6)).toEqual(others);
  balancer.update([...endpoints]);
  expect(picked(balancer, 6)).toEqual(others);
  said.clear();
  balancer.update(endpoints.slice(1));
  balancer.update(endpoints);
  expect(picked(balancer, 6).size).toBe(3);
});

test('slow start: one that comes back gets its share by and by', () => {
  const said = new Map([['10.1.0.0:80', OUT]]);
  const { balancer, hear } = checked(2, said);
  balancer.loadBalancing = { type: 'RoundRobin', slowStart: 1_000_000 };
  hear();
  said.clear();
  hear();
  const counts = Array.from({ length: 1_000 }, () => balancer.pick()!.label).filter((one) => one === '10.1.0.0:80');
  expect(counts.length).toBeGreaterThan(10);
  expect(counts.length).toBeLessThan(250);
});

test('of 10,000 endpoints some that change are a choice anew of some milliseconds', async () => {
  const { balancer } = checked(10_000, new Map([['10.1.0.0:80', OUT]]));
  const taken = await fewest(10, 7, () => threadTime(() => balancer.verdictsChanged()));
  expect(taken).toBeLessThan(10);
});

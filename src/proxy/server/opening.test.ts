/** A port that may be any free one, on several addresses. */
import { expect, test } from 'vitest';
import { DaemunError } from '../../observe/index.ts';
import { type FreshPort, openPorts } from './opening.ts';
import { listener } from './plane.suite.ts';
import type { Port, PortTarget } from './port.ts';

/** On `127.0.0.1` the ports that are given come in turn; on `::1` some are taken. */
function stand(offered: number[], taken: number[]) {
  const drained: string[] = [];
  const portOf = (): Port => {
    let bound: string[] = [];
    return {
      get bound() {
        return bound;
      },
      async open({ address, port }: PortTarget) {
        const number = port === 0 ? offered.shift()! : port;
        if (address === '::1' && taken.includes(number)) throw new DaemunError('DMN_PORT_IN_USE', `${number} is taken`);
        bound = [`${address} ${number}`.replace(' ', ':')];
      },
      async drain() {
        drained.push(...bound);
        bound = [];
      },
      prepare: () => () => {},
      release: () => undefined,
      takeOver: () => {},
    };
  };
  const fresh = ['127.0.0.1', '::1'].map((address): FreshPort => {
    const place = { key: `tcp ${address} 0 for 80`, address, port: 0, kin: 'tcp 80' };
    const group = { ...place, kind: 'http' as const, listeners: [listener('HTTP')], ipv6Only: false };
    return { group, port: portOf(), again: portOf };
  });
  return { fresh, drained };
}

async function opened({ fresh }: ReturnType<typeof stand>) {
  const bound: string[] = [];
  const failed = await openPorts(fresh, {
    open: new Map(),
    reusePort: false,
    before: async () => {},
    done: (_, { port }) => bound.push(...port.bound),
  });
  return { bound, failed: [...failed.keys()] };
}

test('where the first one is taken on another address, another one is tried', async () => {
  const here = stand([7001, 7002, 7003], [7001, 7002]);
  expect(await opened(here)).toEqual({ bound: ['127.0.0.1:7003', '::1:7003'], failed: [] });
  expect(here.drained).toEqual(['127.0.0.1:7001', '127.0.0.1:7002']);
});

test('but not for ever', async () => {
  const ports = Array.from({ length: 20 }, (_, i) => 7001 + i);
  const here = stand([...ports], ports);
  expect(await opened(here)).toEqual({ bound: ['127.0.0.1:7010'], failed: ['tcp ::1 0 for 80'] });
});

/** A port that may be any free one, on several addresses. */
import { expect, test } from 'vitest';
import { DaemunError } from '../../observe/index.ts';
import { type FreshPort, type OpenPorts, openPorts } from './opening.ts';
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

/** A place that is open at `bound`, or closed. */
function held(key: string, address: string, { port = 80, bound = [`${address}:80`], ipv6Only = false } = {}) {
  const group = { key, address, port, kin: 'tcp 80', kind: 'http' as const, listeners: [listener('HTTP')], ipv6Only };
  const none: Port = {
    bound,
    open: async () => {
      throw new DaemunError('DMN_PORT_IN_USE', 'it is taken');
    },
    drain: async () => {},
    prepare: () => () => {},
    release: () => undefined,
    takeOver: () => {},
  };
  return { group, port: none };
}

test('an address that comes later gets the number that the others of its port have', async () => {
  const closed = held('a', '10.0.0.1', { port: 0, bound: [] });
  const open: OpenPorts = new Map([
    ['a', closed],
    ['b', held('b', '10.0.0.2', { port: 0, bound: ['10.0.0.2:7009'] })],
  ]);
  const asked: PortTarget[] = [];
  const port: Port = { ...closed.port, open: async (target) => void asked.push(target) };
  const fresh = [{ group: { ...closed.group, key: 'c' }, port, again: () => port }];
  await openPorts(fresh, { open, reusePort: false, before: async () => {}, done: () => {} });
  expect(asked.map((one) => one.port)).toEqual([7009]);
});

test.each([
  ['tcp 0.0.0.0 80', '0.0.0.0', 'tcp 127.0.0.1 80', '127.0.0.1', true],
  ['tcp 127.0.0.1 80', '127.0.0.1', 'tcp 0.0.0.0 80', '0.0.0.0', true],
  ['tcp :: 80', '::', 'tcp ::1 80', '::1', true],
  ['tcp :: 80', '::', 'tcp 127.0.0.1 80', '127.0.0.1', true],
  ['tcp 0.0.0.0 80', '0.0.0.0', 'tcp ::1 80', '::1', false],
  ['tcp 127.0.0.1 80', '127.0.0.1', 'tcp 127.0.0.2 80', '127.0.0.2', false],
  ['udp 0.0.0.0 80', '0.0.0.0', 'tcp 127.0.0.1 80', '127.0.0.1', false],
])('of a port that is taken: whether %s has it of us, where %s', async (holder, at, key, address, isOurs) => {
  const { group, port } = held(key, address);
  const failed = await openPorts([{ group, port, again: () => port }], {
    open: new Map([
      ['other', held('tcp 0.0.0.0 81', '0.0.0.0', { port: 81 })],
      ['holder', held(holder, at)],
    ]),
    reusePort: false,
    before: async () => {},
    done: () => {},
  });
  const error = failed.get(key);
  expect(error?.code).toBe(isOurs ? 'DMN_PORT_CONFLICT' : 'DMN_PORT_IN_USE');
  if (isOurs) expect(error?.message).toContain(`has ${at}:80`);
});

test('a wildcard that is for IPv6 alone has no IPv4 address, and what fails otherwise is told as it is', async () => {
  const { group, port } = held('tcp 127.0.0.1 80', '127.0.0.1');
  const open: OpenPorts = new Map([['holder', held('tcp :: 80', '::', { ipv6Only: true })]]);
  const around = { open, reusePort: false, before: async () => {}, done: () => {} };
  const failed = await openPorts([{ group, port, again: () => port }], around);
  expect([...failed.values()].map(({ code }) => code)).toEqual(['DMN_PORT_IN_USE']);
  const denied = new DaemunError('DMN_PORT_DENIED', 'not allowed');
  const refused: Port = { ...port, open: () => Promise.reject(denied) };
  const all = new Map([['holder', held('tcp 0.0.0.0 80', '0.0.0.0')]]);
  expect([
    ...(await openPorts([{ group, port: refused, again: () => port }], { ...around, open: all })).values(),
  ]).toEqual([denied]);
  const broken: Port = { ...port, open: () => Promise.reject(new TypeError('a fault of ours')) };
  await expect(openPorts([{ group, port: broken, again: () => port }], around)).rejects.toThrow('a fault of ours');
});

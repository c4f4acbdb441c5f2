import { expect, test } from 'vitest';
import { type ConfigObject, type Listener, Snapshot } from '../../config/index.ts';
import { listener, rule } from './plane.suite.ts';
import { type Binding, type PortKind, placesOf, portGroups, StreamRules } from './port-group.ts';

const ANY: Binding = { bind: ['127.0.0.1'], portMap: new Map() };

function configOf(...upserts: ConfigObject[]): Snapshot {
  return Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
}

function grouped(listeners: Listener[], binding: Binding = ANY, now: Record<string, PortKind> = {}) {
  const { groups, refused } = portGroups(configOf(...listeners), binding, (key) => now[key]);
  const served = Array.from(groups, ([key, group]) => [key, group.kind, group.listeners.map(({ name }) => name)]);
  const losers = Array.from(refused, ([key, errors]) => [key, [...errors.keys()]]);
  return { served, losers, groups };
}

const http = (name: string, more: Partial<Listener> = {}): Listener => listener('HTTP', { name, ...more });

test('sockets that were given are those of their transport and port, and none else', () => {
  const given = [
    { transport: 'tcp' as const, address: '10.0.0.1', port: 80 },
    { transport: 'udp' as const, address: '10.0.0.2', port: 80 },
    { transport: 'tcp' as const, address: '10.0.0.3', port: 81 },
  ];
  const placed = (one: Listener): string[] => placesOf(one, { ...ANY, given }).map(({ address }) => address);
  expect(placed(http('a'))).toEqual(['10.0.0.1']);
  expect(placed(listener('UDP', { name: 'u' }))).toEqual(['10.0.0.2']);
  expect(placed(http('b', { port: 82 }))).toEqual(['127.0.0.1']);
  expect(placed(http('c', { addresses: ['10.0.0.9'] }))).toEqual(['10.0.0.9']);
});

test('listeners of one kind share a place, and of TCP and UDP the first has it', () => {
  expect(grouped([http('a'), http('b')])).toMatchObject({
    served: [['tcp 127.0.0.1 80', 'http', ['a', 'b']]],
    losers: [],
  });
  expect(grouped([listener('HTTPS', { name: 'a' }), listener('TLS', { name: 'b' })]).served).toEqual([
    ['tcp 127.0.0.1 80', 'tls', ['a', 'b']],
  ]);
  for (const protocol of ['TCP', 'UDP'] as const) {
    const { served, losers } = grouped([listener(protocol, { name: 'a' }), listener(protocol, { name: 'b' })]);
    expect(served).toMatchObject([[expect.anything(), protocol.toLowerCase(), ['a']]]);
    expect(losers).toEqual([[served[0]![0], ['d/g/b']]]);
  }
});

test('a place keeps its kind for as long as one of its listeners wants it, and is else of the first', () => {
  const both = [http('a'), listener('TCP', { name: 'b' })];
  const key = 'tcp 127.0.0.1 80';
  expect(grouped(both).served).toEqual([[key, 'http', ['a']]]);
  expect(grouped(both, ANY, { [key]: 'tcp' })).toMatchObject({
    served: [[key, 'tcp', ['b']]],
    losers: [[key, ['d/g/a']]],
  });
  expect(grouped(both, ANY, { [key]: 'tls' }).served).toEqual([[key, 'http', ['a']]]);
});

test('the wildcard of IPv6 is of IPv6 alone where that of IPv4 is another socket of that port', () => {
  const only = (bind: string[], more: Listener[] = []): boolean[] =>
    Array.from(grouped([http('a'), ...more], { ...ANY, bind }).groups.values(), ({ ipv6Only }) => ipv6Only);
  expect(only(['::'])).toEqual([false]);
  expect(only(['0.0.0.0'])).toEqual([false]);
  expect(only(['::', '0.0.0.0'])).toEqual([true, false]);
  expect(only(['::'], [http('b', { port: 81, addresses: ['0.0.0.0'] })])).toEqual([false, false]);
  expect(only(['::1', '127.0.0.1'])).toEqual([false, false]);
});

test('rules of streams are made anew where one of them comes, changes or goes, and nowhere else', () => {
  const [tcp, web] = [rule('TCPRoute'), rule('HTTPRoute')];
  const config = configOf(tcp, web);
  const rules = StreamRules.NONE.next(config, { version: 1, upserts: [tcp, web], removals: [] });
  expect(rules.of('d/g/l')).toEqual([tcp]);
  expect(rules.of('d/g/other')).toEqual([]);
  const goes = ({ kind, key }: ConfigObject) => ({ version: 2, upserts: [], removals: [{ kind, key }] });
  expect(rules.next(config, { version: 2, upserts: [web], removals: [] })).toBe(rules);
  expect(rules.next(config, goes(web))).toBe(rules);
  expect(rules.next(config, { version: 2, upserts: [], removals: [{ kind: 'Policy', key: tcp.key }] })).toBe(rules);
  expect(rules.next(configOf(web), goes(tcp)).of('d/g/l')).toEqual([]);
});

test('a listener has each of its rules once, however often it is attached', () => {
  const [one, two] = ['one', 'two'].map((name) =>
    rule('TCPRoute', { route: { kind: 'TCPRoute', namespace: 'd', name } }),
  );
  const attachment = { listener: 'd/g/l', hostnames: ['*'] };
  const twice = { ...one!, attachments: [attachment, { listener: 'd/g/m', hostnames: ['*'] }, attachment, attachment] };
  const config = configOf(twice, two!);
  const rules = StreamRules.NONE.next(config, { version: 1, upserts: [twice], removals: [] });
  expect(rules.of('d/g/m')).toEqual([twice]);
  expect(rules.of('d/g/l')).toEqual([twice, two]);
});

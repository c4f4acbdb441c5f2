import { expect, test } from 'vitest';
import { type Ack, type ConfigObject, Snapshot } from '../config/index.ts';
import { ListenerBoard, listenerViews } from './listener-view.ts';

const listener = (name: string): ConfigObject => ({
  kind: 'Listener',
  key: `d/g/${name}`,
  gateway: 'd/g',
  name,
  addresses: [],
  port: 80,
  protocol: 'HTTP',
});
const said = (...names: string[]): Ack['listeners'] =>
  names.map((name) => ({ key: `d/g/${name}`, state: 'serving', bound: ['0.0.0.0:80'] }));

test('whoever looks finds the same list as long as nothing changes, and what there is as soon as something does', () => {
  const board = new ListenerBoard();
  const acks = new Map<string, Ack>();
  const say = (proxy: string, listeners: Ack['listeners']) =>
    acks.set(proxy, { version: 1, proxy, rejected: [], listeners });
  let snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: [listener('a')], removals: [] });
  const look = (proxies: string[]) => {
    const views = board.views(snapshot, { acks, proxies });
    expect(views).toEqual(listenerViews(snapshot, { acks, proxies, unserved: [] }));
    expect(board.views(snapshot, { acks, proxies: [...proxies] })).toBe(views);
    return views;
  };
  expect(look([]).map(({ state }) => state)).toEqual(['waiting']);
  const list = said('a');
  say('w0', list);
  const served = look(['w0']);
  expect(served.map(({ state }) => state)).toEqual(['serving']);
  // The same list in another acknowledgement, and a change of something else.
  say('w0', list);
  const other: ConfigObject = { kind: 'TrustBundle', key: 'd/t', pem: '' };
  snapshot = snapshot.apply({ version: 2, upserts: [other], removals: [] });
  expect(look(['w0'])).toBe(served);
  expect(look(['w0', 'w1']).map(({ state }) => state)).toEqual(['waiting']);
  say('w1', said('a'));
  snapshot = snapshot.apply({ version: 3, upserts: [listener('b')], removals: [] });
  expect(look(['w0', 'w1']).map(({ state }) => state)).toEqual(['serving', 'waiting']);
});

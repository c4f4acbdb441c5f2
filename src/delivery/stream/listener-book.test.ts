import { duplexPair } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Ack, ListenerState } from '../../config/index.ts';
import { HashBook } from '../../value/hash-book.ts';
import { Channel } from './channel.ts';
import { ClientSession } from './client-session.ts';
import { CLIENT_TIMES } from './client-times.ts';
import { ListenerBook, MAX_LISTENERS } from './listener-book.ts';
import type { FromController, FromDataPlane, StreamAck } from './message.ts';

const state = (key: string, more: Partial<ListenerState> = {}): ListenerState => ({
  key,
  state: 'serving',
  bound: ['0.0.0.0:80'],
  ...more,
});

describe('what is said of listeners', () => {
  test('is all of them once, then what is another, has come or is gone', () => {
    const book = new ListenerBook();
    expect(book.note([state('a'), state('b')])).toEqual({ changed: [state('a'), state('b')] });
    expect(book.note([state('a'), state('b')])).toEqual({});
    const failed = state('b', { state: 'failed', code: 'DMN_PORT' });
    expect(book.note([failed, state('c')])).toEqual({ changed: [failed, state('c')], gone: ['a'] });
  });

  test('comes together on the other side, and keeps the very list and states that have not changed', () => {
    const book = new ListenerBook();
    book.take({ listeners: [state('a'), state('b'), state('c')] });
    const before = book.all;
    book.take({});
    book.take({ listeners: [state('a'), state('b'), state('c')] });
    expect(book.all).toBe(before);
    book.take({ changed: [state('d')], gone: ['b'] });
    expect(book.all).toEqual([state('a'), state('c'), state('d')]);
    expect(book.all[0]).toBe(before[0]);
    book.take({ listeners: [state('e')] });
    expect(book.all).toEqual([state('e')]);
  });

  test('has an end', () => {
    const book = new ListenerBook();
    book.take({ listeners: Array.from({ length: MAX_LISTENERS }, (_, at) => state(`${at}`)) });
    expect(() => book.take({ changed: [state('one more')] })).toThrow('more than 100000 listeners');
  });
});

/** What a controller hears of these acknowledgements. */
async function heardBy(welcome: { takesChanges?: boolean }, acks: Array<Ack['listeners']>): Promise<StreamAck[]> {
  const [ours, theirs] = duplexPair();
  const heard: StreamAck[] = [];
  const controller = new Channel<FromDataPlane, FromController>(theirs, {
    onMessage: (message) => void (message.type === 'ack' && heard.push(message)),
    onEnd: () => {},
  });
  let isWelcome = false;
  const session = new ClientSession(ours as TLSSocket, {
    about: { token: 't', version: '0.0.0', proxy: 'pod-a' },
    hashes: new HashBook(),
    version: () => 1,
    times: CLIENT_TIMES,
    onWelcome: () => {
      isWelcome = true;
    },
    onStep: () => {},
    onLeading: () => {},
    onEnding: () => {},
    onEnd: () => {},
    last: () => undefined,
  });
  onTestFinished(() => {
    session.close();
    controller.destroy('');
  });
  ours.emit('secureConnect');
  controller.send({
    ...{ type: 'welcome', protocol: 1, version: '0.0.0', holds: 'same', config: 7, leading: true },
    ...welcome,
  });
  await vi.waitFor(() => expect(isWelcome).toBe(true));
  for (const listeners of acks) session.acknowledge({ version: 1, proxy: 'pod-a', rejected: [], listeners });
  await vi.waitFor(() => expect(heard).toHaveLength(acks.length));
  return heard;
}

const STEPS = [
  [state('a'), state('b')],
  [state('a'), state('b')],
  [state('a'), state('c')],
];
const said = (acks: StreamAck[]) => acks.map(({ listeners, changed, gone }) => ({ listeners, changed, gone }));

describe('a data plane', () => {
  test('says what has changed to a controller that knows it', async () => {
    expect(said(await heardBy({ takesChanges: true }, STEPS))).toEqual([
      { listeners: STEPS[0] },
      {},
      { changed: [state('c')], gone: ['b'] },
    ]);
  });

  test('says all to an older one, where anything has changed', async () => {
    expect(said(await heardBy({}, STEPS))).toEqual([{ listeners: STEPS[0] }, {}, { listeners: STEPS[2] }]);
  });
});

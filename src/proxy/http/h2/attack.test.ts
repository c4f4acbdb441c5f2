import { describe, expect, test } from 'vitest';
import { BODY_OPEN } from '../../ground/codec.ts';
import {
  ABUSES,
  type Abuse,
  abuseCounts,
  abuseMetrics,
  EMPTY_DATA_BUDGET,
  IGNORED_BUDGET,
  MAX_FAIR_HELD,
  MAX_HELD_BODIES,
  MAX_UNREAD_OUTPUT,
  PING_BUDGET,
  RESET_BUDGET,
  SETTINGS_BUDGET,
  WINDOW_UPDATE_BUDGET,
} from './abuse.ts';
import { RawClient, respond } from './client.fixture.ts';
import { STALL_TIMEOUT } from './connection.ts';
import * as frame from './frame.ts';
import { MAX_CONTINUATIONS } from './header-frames.ts';
import { CONNECTION_WINDOW, MAX_STREAMS } from './settings.ts';
import { LEAST_PROGRESS } from './stream.ts';
import { block, GET, POST, setting, turn, word } from './wire.fixture.ts';

const CALM = frame.ENHANCE_YOUR_CALM;

/** Sends `attack` until the server hangs up, and counts how often. */
async function until(client: RawClient, attack: (n: number) => void, most: number): Promise<number> {
  for (let n = 1; n <= most; n++) {
    attack(n);
    if (n % 100 === 0) await client.frames();
    if (client.isClosed) return n;
  }
  return Number.POSITIVE_INFINITY;
}

function counted(abuse: Abuse): () => number {
  const before = abuseCounts[abuse];
  return () => abuseCounts[abuse] - before;
}

describe('attacks end the connection with ENHANCE_YOUR_CALM and are counted', () => {
  test.each<[Abuse, number, (client: RawClient, n: number) => void]>([
    [
      'rapid_reset',
      RESET_BUDGET.burst,
      (client, n) => {
        client.request(2 * n - 1);
        client.send(frame.RST_STREAM, 0, 2 * n - 1, word(frame.CANCEL));
      },
    ],
    ['rapid_reset', RESET_BUDGET.burst, (client, n) => client.request(2 * n - 1, [...GET, ['connection', 'close']])],
    ['settings_flood', SETTINGS_BUDGET.burst, (client) => client.send(frame.SETTINGS, 0, 0)],
    ['ping_flood', PING_BUDGET.burst, (client) => client.send(frame.PING, 0, 0, '12345678')],
    ['settings_flood', SETTINGS_BUDGET.burst, (client) => client.send(frame.SETTINGS, 0, 0, Buffer.alloc(6))],
    ['window_update_flood', WINDOW_UPDATE_BUDGET.burst, (client) => client.send(frame.WINDOW_UPDATE, 0, 0, word(1))],
    [
      'window_update_flood',
      WINDOW_UPDATE_BUDGET.burst,
      (client, n) => {
        if (n === 1) client.request(1, POST, false);
        client.send(frame.WINDOW_UPDATE, 0, 1, word(1));
      },
    ],
    ['ignored_frame_flood', IGNORED_BUDGET.burst, (client) => client.send(frame.SETTINGS, frame.ACK, 0)],
    ['ignored_frame_flood', IGNORED_BUDGET.burst, (client) => client.send(frame.PING, frame.ACK, 0, '12345678')],
    [
      'ignored_frame_flood',
      IGNORED_BUDGET.burst,
      (client, n) => {
        if (n === 1) client.request(1, POST, false);
        client.send(frame.GOAWAY, 0, 0, Buffer.alloc(8));
      },
    ],
    ['ignored_frame_flood', IGNORED_BUDGET.burst, (client) => client.send(frame.PRIORITY, 0, 1, '\0\0\0\0x')],
    ['ignored_frame_flood', IGNORED_BUDGET.burst, (client) => client.send(0x77, 0, 1, 'whatever')],
    [
      'empty_data_flood',
      EMPTY_DATA_BUDGET.burst,
      (client, n) => {
        if (n === 1) client.request(1, POST, false);
        client.send(frame.DATA, 0, 1);
      },
    ],
    [
      'empty_data_flood',
      EMPTY_DATA_BUDGET.burst,
      (client, n) => {
        if (n === 1) client.request(1, POST, false);
        client.send(frame.DATA, frame.PADDED, 1, '\x03\0\0\0');
      },
    ],
  ])('%s', async (abuse, burst, attack) => {
    const count = counted(abuse);
    const client = await new RawClient().begin();
    const sent = await until(client, (n) => attack(client, n), burst * 2 + 10);
    expect(sent).toBeGreaterThan(burst - 5);
    expect(sent).toBeLessThan(burst + 5);
    expect((await client.said()).at(-1)).toBe(
      `GOAWAY ${abuse === 'rapid_reset' ? 2 * sent - 1 : client.connection.lastPeerStream} ${CALM} ${abuse.replaceAll('_', ' ')}`,
    );
    expect(client.link.closed).toBe('end');
    expect(count()).toBe(1);
    for (const exchange of client.exchanges) expect(exchange.events.at(-1)).toMatch(/^aborted/);
  });

  test.each<[string, (client: RawClient) => void]>([
    ['empty DATA that ends it', (client) => client.send(frame.DATA, frame.END_STREAM, 1)],
    ['trailers that do not end it', (client) => client.request(1, [['x', 'y']], false)],
    ['trailers', (client) => client.request(1, [['x', 'y']])],
  ])('what goes on and on for a stream that we have reset: %s', async (_what, send) => {
    const client = await new RawClient().begin();
    client.request(1, [...POST, ['connection', 'close']], false);
    send(client);
    expect(client.isClosed).toBe(false);
    expect(await until(client, () => send(client), RESET_BUDGET.burst * 2)).toBeLessThan(RESET_BUDGET.burst + 5);
  });

  test.each<[string, (client: RawClient, id: number) => void]>([
    ['WINDOW_UPDATE by 0', (client, id) => client.send(frame.WINDOW_UPDATE, 0, id, word(0))],
    ['a window that overflows', (client, id) => client.send(frame.WINDOW_UPDATE, 0, id, word(0x7fff_ffff))],
    ['PRIORITY on itself', (client, id) => client.send(frame.PRIORITY, 0, id, Buffer.concat([word(id), word(0)], 5))],
    ['DATA after the end', (client, id) => client.send(frame.DATA, 0, id, 'x')],
    ['trailers after the end', (client, id) => client.send(frame.HEADERS, 5, id, block([['x', 'y']]))],
  ])('rapid_reset, where the client makes us reset by %s', async (_what, provoke) => {
    const count = counted('rapid_reset');
    const client = await new RawClient().begin();
    const attack = (n: number): void => {
      client.request(2 * n - 1);
      provoke(client, 2 * n - 1);
    };
    const sent = await until(client, attack, RESET_BUDGET.burst * 2);
    expect(sent).toBeGreaterThan(RESET_BUDGET.burst - 5);
    expect(sent).toBeLessThan(RESET_BUDGET.burst + 5);
    expect((await client.said()).at(-1)).toBe(`GOAWAY ${2 * sent - 1} ${CALM} rapid reset`);
    expect(count()).toBe(1);
    for (const exchange of client.exchanges) expect(exchange.events.at(-1)).toMatch(/^aborted/);
  });

  test('resets of streams that were answered cost nothing', async () => {
    const client = await new RawClient().begin();
    client.onEvent = (event, down) => {
      if (event.startsWith('head')) respond(down, 'HTTP/1.1 200 OK\r\n', BODY_OPEN);
    };
    const cancel = (n: number): void => {
      client.request(2 * n - 1);
      client.send(frame.RST_STREAM, 0, 2 * n - 1, word(frame.CANCEL));
    };
    expect(await until(client, cancel, RESET_BUDGET.burst * 3)).toBe(Number.POSITIVE_INFINITY);
  });

  test('unread_output: acknowledgements that nobody reads', async () => {
    const count = counted('unread_output');
    const client = await new RawClient().begin();
    client.onEvent = (event, down) => {
      if (event.startsWith('head')) respond(down, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(30_000)}\r\n`, BODY_OPEN);
    };
    let id = 1;
    for (; id < 1000 && !client.isClosed; id += 2) {
      client.request(id);
      if (id > 200) client.send(frame.RST_STREAM, 0, id - 100, word(frame.CANCEL));
      await turn();
    }
    expect(id * 15_000).toBeGreaterThan(MAX_UNREAD_OUTPUT);
    expect(id * 15_000).toBeLessThan(MAX_UNREAD_OUTPUT + 300_000);
    expect(count()).toBe(1);
  });

  test('budgets fill up again over time', async () => {
    const client = await new RawClient().begin();
    client.request(1, POST, false);
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < SETTINGS_BUDGET.perSecond; i++) client.send(frame.SETTINGS, 0, 0);
      client.now += 1000;
      client.wheel.advance();
      await client.frames();
    }
    expect(await until(client, () => client.send(frame.SETTINGS, 0, 0), 1000)).toBeGreaterThan(
      SETTINGS_BUDGET.burst - 5,
    );
  });

  test('continuation_flood, by frames and by bytes', async () => {
    for (const payload of ['', 'x'.repeat(16_000)]) {
      const count = counted('continuation_flood');
      const client = await new RawClient().begin();
      client.send(frame.HEADERS, 0, 1, block(GET));
      const sent = await until(client, () => client.send(frame.CONTINUATION, 0, 1, payload), 1000);
      expect(sent).toBe(payload === '' ? MAX_CONTINUATIONS + 1 : 5);
      expect((await client.said()).at(-1)).toBe(`GOAWAY 0 ${CALM} continuation flood`);
      expect(count()).toBe(1);
    }
  });
});

test('all kinds are in the metric, counted or not', () => {
  const [family] = abuseMetrics();
  expect(family!.series.map((one) => one.labels.kind)).toEqual([...ABUSES]);
  expect(family!.series.every((one) => one.value === abuseCounts[one.labels.kind as Abuse])).toBe(true);
});

describe('attacks that cost one stream', () => {
  test('an HPACK bomb is answered with 431 and leaves the connection whole', async () => {
    const count = counted('section_too_large');
    const client = await new RawClient().begin();
    const entry = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x62)]);
    const bomb = Buffer.concat([block(GET), entry, Buffer.alloc(12_000, 0xbe)]);
    expect(bomb.length).toBeLessThan(16_384 + 1000);
    client.send(frame.HEADERS, frame.END_STREAM, 1, bomb.subarray(0, 16_000));
    client.send(frame.CONTINUATION, frame.END_HEADERS, 1, bomb.subarray(16_000));
    expect(await client.said()).toEqual([
      expect.stringMatching(
        /^HEADERS 1 HTTP\/1\.1 431 Request Header Fields Too Large\|content-length: 0\|date: [^|]+\|\| end$/,
      ),
    ]);
    expect(client.exchanges).toHaveLength(0);
    expect(count()).toBe(1);
    client.request(3);
    expect(client.exchanges).toHaveLength(1);
  });

  test('more streams than allowed are refused', async () => {
    const client = await new RawClient().begin();
    for (let i = 0; i < MAX_STREAMS + 2; i++) client.request(2 * i + 1);
    expect(await client.said()).toEqual([
      `RST_STREAM ${2 * MAX_STREAMS + 1} ${frame.REFUSED_STREAM}`,
      `RST_STREAM ${2 * MAX_STREAMS + 3} ${frame.REFUSED_STREAM}`,
    ]);
    expect(client.exchanges).toHaveLength(MAX_STREAMS);
  });

  test('bodies that wait for slow backends are kept up to a limit in all, and above it one a connection', async () => {
    const count = counted('held_bodies');
    const bytes = Buffer.alloc(frame.MAX_FRAME_SIZE);
    const uploading = async (): Promise<RawClient> => {
      const client = await new RawClient().begin();
      client.onEvent = (event, down) => {
        if (event.startsWith('head')) down.pauseBody();
      };
      return client;
    };
    const upload = (client: RawClient, id: number): void => {
      client.request(id, POST, false);
      for (let sent = 0; sent < MAX_FAIR_HELD; sent += bytes.length) client.send(frame.DATA, 0, id, bytes);
    };
    const clients: RawClient[] = [];
    for (let held = 0; held < MAX_HELD_BODIES; held += CONNECTION_WINDOW) {
      const client = await uploading();
      clients.push(client);
      for (let n = 0; n < CONNECTION_WINDOW / MAX_FAIR_HELD; n++) upload(client, 2 * n + 1);
    }
    expect(count()).toBe(0);
    const other = await uploading();
    upload(other, 1);
    expect(count()).toBe(0);
    upload(other, 3);
    expect(count()).toBe(1);
    expect(other.exchanges[0]!.events).toHaveLength(1);
    expect(other.exchanges[1]!.events.at(-1)).toBe('aborted overloaded');
    expect(await other.said()).toContain(`RST_STREAM 3 ${CALM}`);
    // Whoever gets what waited, or leaves, makes room for others.
    for (const { down } of clients[0]!.exchanges.slice(0, 2)) down.resumeBody();
    await clients[0]!.frames();
    upload(other, 5);
    expect(count()).toBe(1);
    for (const { link } of [...clients, other]) link.sink.onClose(undefined);
    const next = await uploading();
    for (let n = 0; n < CONNECTION_WINDOW / MAX_FAIR_HELD; n++) upload(next, 2 * n + 1);
    expect(count()).toBe(1);
    next.link.sink.onClose(undefined);
  });

  test('a client that takes no data for too long loses the stream', async () => {
    const count = counted('stalled_window');
    const client = await new RawClient().begin(setting(4, 10));
    client.onEvent = (event, down) => {
      if (event.startsWith('head')) respond(down, 'HTTP/1.1 200 OK\r\n', BODY_OPEN, 'x'.repeat(10_000));
    };
    client.request(1);
    expect(await client.said()).toEqual(['HEADERS 1 HTTP/1.1 200 OK||', `DATA 1 ${'x'.repeat(10)}`]);
    client.send(frame.WINDOW_UPDATE, 0, 1, word(LEAST_PROGRESS));
    await client.frames();
    client.now += STALL_TIMEOUT - 2000;
    client.wheel.advance();
    client.send(frame.WINDOW_UPDATE, 0, 1, word(LEAST_PROGRESS));
    await client.frames();
    client.now += STALL_TIMEOUT - 2000;
    client.wheel.advance();
    client.send(frame.WINDOW_UPDATE, 0, 1, word(1));
    expect(await client.said()).toEqual(['DATA 1 x']);
    client.now += 5000;
    client.wheel.advance();
    expect(await client.said()).toEqual([`RST_STREAM 1 ${frame.CANCEL}`]);
    expect(client.exchanges[0]!.events.at(-1)).toBe('aborted timeout');
    expect(count()).toBe(1);
  });
});

test.each<[string, (client: RawClient) => void]>([
  ['WINDOW_UPDATE', (client) => client.send(frame.WINDOW_UPDATE, 0, 2, word(1))],
  ['RST_STREAM', (client) => client.send(frame.RST_STREAM, 0, 2, word(frame.CANCEL))],
  ['DATA', (client) => client.send(frame.DATA, 0, 2, 'x')],
])('%s for a stream that only the server could open ends the connection', async (_name, attack) => {
  const client = await new RawClient().begin();
  client.request(3);
  attack(client);
  expect((await client.said()).at(-1)).toMatch(new RegExp(`^GOAWAY 3 ${frame.PROTOCOL_ERROR} .*idle stream`));
});

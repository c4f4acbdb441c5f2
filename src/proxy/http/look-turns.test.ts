import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpMatch } from '../../config/index.ts';
import { CONTINUE } from '../filter/index.ts';
import { charge, MAX_MATCH_STEPS, MAX_TURN_STEPS, newTurn } from '../ground/allowance.ts';
import type { MemoryLink } from '../listen/index.ts';
import * as frame from './h2/frame.ts';
import { block, frameBytes } from './h2/wire.fixture.ts';
import { type MemoryRig, memoryService, settled } from './memory.suite.ts';
import { policiesOf, TrialFilter, waiter } from './trial-filter.suite.ts';

afterEach(newTurn);

const LONG = `/${'ab'.repeat(1_500)}`;
/** Looking through the path takes three quarters of what one request may take. */
const DEAR: HttpMatch[] = Array.from({ length: Math.ceil((0.75 * MAX_MATCH_STEPS) / LONG.length) }, (_, i) => ({
  path: { type: 'RegularExpression', value: `.*[ab]*x${i}` },
  headers: [],
  query: [],
}));
/** Of requests that come together: as many as fit into one request's allowance, and the one that goes beyond it. */
const AT_ONCE = 2;
const REQUESTS = 12;

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;

/** In one read. */
const SENDERS: Record<string, (client: MemoryLink) => void> = {
  'HTTP/2': (client) => {
    const fields = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', LONG],
      [':authority', 'a.example'],
    ] as const;
    const flags = frame.END_HEADERS | frame.END_STREAM;
    const streams = Array.from({ length: REQUESTS }, (_, i) =>
      frameBytes(frame.HEADERS, flags, 2 * i + 1, block(fields)),
    );
    client.deliver(Buffer.concat([Buffer.from(frame.PREFACE), frameBytes(frame.SETTINGS, 0, 0), ...streams]));
  },
  'HTTP/1.1': (client) => client.deliver(get(LONG).repeat(REQUESTS)),
};

const answered = ({ accesses }: MemoryRig) => accesses.map(({ status }) => status);

describe.each(Object.entries(SENDERS))('what one connection asks at a time holds nobody up: %s', (_name, send) => {
  test('requests beyond its turn wait for the next, and all are answered', async () => {
    expect(MAX_TURN_STEPS).toBe(MAX_MATCH_STEPS);
    const rig = memoryService({ rule: { matches: DEAR } });
    send(rig.connect());
    await settled();
    expect(rig.accesses).toHaveLength(AT_ONCE);
    for (let done = AT_ONCE; done < REQUESTS; done += AT_ONCE) {
      expect(rig.accesses).toHaveLength(done);
      await turn();
    }
    expect(answered(rig)).toEqual(Array.from({ length: REQUESTS }, () => 404));
  });

  test('others are served meanwhile, and come to their turn as soon as who came first', async () => {
    const rig = memoryService({ rule: { matches: DEAR } });
    send(rig.connect());
    const cheap = rig.connect();
    cheap.deliver(get('/'));
    expect(cheap.take()).toContain('404 Not Found');
    const other = rig.connect();
    other.deliver(get(LONG).repeat(AT_ONCE + 1));
    for (let i = 0; i < 2; i++) await turn();
    expect(other.take().split('404 Not Found')).toHaveLength(AT_ONCE + 2);
    expect(rig.accesses.length).toBeLessThan(REQUESTS);
    while (rig.accesses.length < REQUESTS + AT_ONCE + 2) await turn();
  });

  test('who leaves is not looked at any more', async () => {
    const rig = memoryService({ rule: { matches: DEAR } });
    const client = rig.connect();
    send(client);
    client.sink.onClose(undefined);
    await turn();
    expect(answered(rig).filter((status) => status === 404)).toHaveLength(AT_ONCE);
  });
});

test('a body that comes while its request waits for its turn arrives', async () => {
  const any: HttpMatch = { path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] };
  const rig = memoryService({ rule: { matches: [...DEAR, any] } });
  const client = rig.connect();
  for (let i = 0; i < AT_ONCE; i++) {
    client.deliver(get(LONG));
    await settled();
    rig.backend().take();
    rig.backend().deliver('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  }
  client.deliver(`POST ${LONG} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\nabc`);
  expect(rig.backend().take()).toBe('');
  client.deliver('de');
  expect(rig.backend().take()).toBe('');
  await turn();
  client.deliver('f');
  await settled();
  expect(rig.backend().take()).toMatch(/\r\n\r\nabcdef$/);
});

test('requests that waited for the same answer do not all go on in one turn', async () => {
  const first = waiter();
  const dear = new TrialFilter({
    step: 'claim-access',
    onRequest: () => {
      charge(0.75 * MAX_MATCH_STEPS);
      return CONTINUE;
    },
  });
  const rig = memoryService({ policies: policiesOf([first, dear]) });
  for (let i = 0; i < REQUESTS; i++) rig.connect().deliver(get('/'));
  expect(first.waiting).toHaveLength(REQUESTS);
  for (const one of first.waiting) one.proceed();
  await settled();
  for (let done = AT_ONCE; done < REQUESTS; done += AT_ONCE) {
    expect(dear.asked.filter((asked) => asked === 'request /')).toHaveLength(done);
    await turn();
  }
  expect(rig.driver.opened).toHaveLength(REQUESTS);
});

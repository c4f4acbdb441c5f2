/** Limits over real Redis servers: what is taken, and what becomes of calls where a server is away, slow, wrong or moves. */
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RedisSettings } from '../../config/index.ts';
import { limitKey, type Outcome } from './client.ts';
import { RedisClients } from './clients.ts';
import { freePort, OPEN_DIALER, REDIS_IS_HERE, startRedis, type TestRedis, until } from './redis-server.fixture.ts';
import type { Asking, Taken } from './take.ts';

const servers: TestRedis[] = [];
const opened: RedisClients[] = [];
afterEach(() => {
  for (const clients of opened.splice(0)) clients.close();
});
afterAll(async () => {
  for (const server of servers) await server.stop();
});

async function redis(options: Parameters<typeof startRedis>[0] = {}): Promise<TestRedis> {
  const server = await startRedis(options);
  servers.push(server);
  return server;
}

const troubles: Array<string | undefined> = [];

function clientOf(settings: Partial<RedisSettings> & { ports: number[] }): ReturnType<RedisClients['client']> {
  const { ports, ...more } = settings;
  const clients = new RedisClients(OPEN_DIALER, ({ trouble }) => troubles.push(trouble));
  opened.push(clients);
  const all = ports.map((port) => ({ host: '127.0.0.1', port }));
  return clients.client({ servers: all, kind: 'Server', login: {}, database: 0, ...more }, 'RateLimitPolicy/a/b');
}

type Client = ReturnType<typeof clientOf>;
const SECOND = 1_000_000;
const bucket = (key: string, more: Partial<Asking> = {}): Asking => ({
  key: limitKey(key, ''),
  cost: 3_600 * SECOND,
  capacity: 3 * 3_600 * SECOND,
  wanted: 1,
  dryRun: false,
  ...more,
});

function take(client: Client, asking: Asking[], timeout = 1_000): Promise<Taken | Exclude<Outcome, 'answered'>> {
  return new Promise((resolve) => client.take(asking, timeout, resolve));
}

async function given(client: Client, ...asking: Asking[]): Promise<number[] | string> {
  const taken = await take(client, asking);
  return typeof taken === 'string' ? taken : taken.given;
}

const answers = async (client: Client): Promise<boolean> =>
  Array.isArray(await given(client, bucket('probe', { capacity: 1e12, cost: 1 })));

describe.skipIf(!REDIS_IS_HERE)('one server', () => {
  let server: TestRedis;
  beforeAll(async () => {
    server = await redis();
  });

  test('gives what a limit holds, and no more, whoever asks', async () => {
    const [one, other] = [clientOf({ ports: [server.port] }), clientOf({ ports: [server.port] })];
    const all = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        given(i % 2 ? one : other, bucket('exact', { capacity: 7 * 3_600 * SECOND })),
      ),
    );
    expect(all.filter((one) => one[0] === 1)).toHaveLength(7);
    expect(all.filter((one) => one[0] === 0)).toHaveLength(33);
  });

  test('what was taken comes back evenly, by the clock of the server', async () => {
    const client = clientOf({ ports: [server.port] });
    const quick = bucket('even', { cost: 100_000, capacity: 200_000 });
    expect([await given(client, quick), await given(client, quick), await given(client, quick)]).toEqual([
      [1],
      [1],
      [0],
    ]);
    const taken = (await take(client, [quick])) as Taken;
    expect(taken.debts[0]).toBeGreaterThan(100_000);
    expect(taken.debts[0]).toBeLessThanOrEqual(200_000);
    await until(async () => (await given(client, quick))[0] === 1);
  });

  test('where one limit refuses nothing is taken from the others, dry runs excepted', async () => {
    const client = clientOf({ ports: [server.port] });
    const [small, large] = [bucket('small', { capacity: 3_600 * SECOND }), bucket('large')];
    expect(await given(client, small, large)).toEqual([1, 1]);
    expect(await given(client, small, large)).toEqual([0, 1]);
    expect(await given(client, { ...small, dryRun: true }, large)).toEqual([0, 1]);
    expect(await given(client, large)).toEqual([1]);
    expect(await given(client, large)).toEqual([0]);
  });

  test('many tokens at a time, and as many as there are', async () => {
    const client = clientOf({ ports: [server.port] });
    expect(await given(client, bucket('many', { wanted: 2 }))).toEqual([2]);
    expect(await given(client, bucket('many', { wanted: 2 }))).toEqual([1]);
    expect(await given(client, bucket('many', { wanted: 2 }))).toEqual([0]);
  });

  test('a limit that became smaller bans nobody for longer than it says itself', async () => {
    const client = clientOf({ ports: [server.port] });
    expect(await given(client, bucket('smaller', { wanted: 3 }))).toEqual([3]);
    const taken = (await take(client, [bucket('smaller', { cost: SECOND, capacity: SECOND })])) as Taken;
    expect(taken).toEqual({ given: [0], debts: [SECOND] });
  });

  test('forgets a limit when its bucket is full', async () => {
    const client = clientOf({ ports: [server.port] });
    await given(client, bucket('expires'));
    expect(Number((await server.ask('PTTL', limitKey('expires', ''))).slice(1))).toBeGreaterThan(3_500_000);
    await given(client, bucket('expires soon', { cost: 50_000, capacity: 50_000 }));
    await until(async () => (await server.ask('EXISTS', limitKey('expires soon', ''))).startsWith(':0'));
  });

  test('scripts that the server has forgotten are sent again', async () => {
    const client = clientOf({ ports: [server.port] });
    expect(await given(client, bucket('flushed'))).toEqual([1]);
    await server.ask('SCRIPT', 'FLUSH');
    expect(await Promise.all([given(client, bucket('flushed')), given(client, bucket('flushed'))])).toEqual([[1], [1]]);
    expect(await given(client, bucket('flushed'))).toEqual([0]);
  });

  test('calls of one turn are one round trip', async () => {
    const client = clientOf({ ports: [server.port] });
    await given(client, bucket('warm'));
    const before = await statistics(server, 'total_reads_processed');
    await Promise.all(Array.from({ length: 200 }, (_, i) => given(client, bucket(`piped ${i}`))));
    // One more is of who asks.
    expect((await statistics(server, 'total_reads_processed')) - before).toBeLessThan(20);
  });

  test('a value of another kind fails that call alone', async () => {
    const client = clientOf({ ports: [server.port] });
    await server.ask('LPUSH', limitKey('wrong', ''), 'x');
    expect(await given(client, bucket('wrong'))).toBe('refused');
    await server.ask('SET', limitKey('garbage', ''), 'no number');
    expect(await given(client, bucket('garbage'))).toEqual([1]);
    expect(await given(client, bucket('fine'))).toEqual([1]);
  });

  test('another database holds other limits', async () => {
    expect(await given(clientOf({ ports: [server.port] }), bucket('base', { wanted: 3 }))).toEqual([3]);
    expect(await given(clientOf({ ports: [server.port], database: 3 }), bucket('base', { wanted: 3 }))).toEqual([3]);
  });

  async function statistics(of: TestRedis, name: string): Promise<number> {
    return Number(new RegExp(`${name}:(\\d+)`).exec(await of.ask('INFO', 'stats'))![1]);
  }
});

describe.skipIf(!REDIS_IS_HERE)('a server that is not well', () => {
  test('away: told at once, and found again when it is back', async () => {
    const port = await freePort();
    const client = clientOf({ ports: [port] });
    await until(() => client.trouble !== undefined);
    expect(client.trouble).toContain(`127.0.0.1:${port} cannot be reached (ECONNREFUSED)`);
    const began = performance.now();
    expect(await given(client, bucket('away'))).toBe('away');
    expect(performance.now() - began).toBeLessThan(50);
    const server = await redis({ port });
    await until(() => answers(client));
    expect(client.trouble).toBeUndefined();
    await server.stop();
    await until(async () => !(await answers(client)));
    await redis({ port });
    await until(() => answers(client));
    expect(client.counts.away).toBeGreaterThan(0);
  });

  test('stopped in the middle: calls end at their time, the next ones do not wait, and it is well again when it goes on', async () => {
    const server = await redis();
    const client = clientOf({ ports: [server.port] });
    expect(await answers(client)).toBe(true);
    process.kill(server.pid, 'SIGSTOP');
    let began = performance.now();
    expect(await take(client, [bucket('slow')], 100)).toBe('timeout');
    expect(performance.now() - began).toBeGreaterThanOrEqual(95);
    began = performance.now();
    expect(await take(client, [bucket('slow')], 100)).toBe('timeout');
    expect(performance.now() - began).toBeLessThan(50);
    process.kill(server.pid, 'SIGCONT');
    await until(() => answers(client));
    // The call that was late was carried out; nothing else was.
    expect(await given(client, bucket('slow', { wanted: 9 }))).toEqual([2]);
  });

  test.each([
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'speaks no Redis'],
    ['says more than is asked', '+OK\r\n'.repeat(50), 'refuses'],
    ['never ends a line', 'x'.repeat(1_200_000), 'speaks no Redis'],
    ['says how much it will send, and that is too much', '$999999999\r\n', 'speaks no Redis'],
    ['closes', '', 'has closed the connection'],
  ])('one that %s is away', async (_what, text, why) => {
    const wrong = net.createServer((socket) => socket.on('error', () => {}).end(text)).listen(0, '127.0.0.1');
    await new Promise((resolve) => wrong.once('listening', resolve));
    const client = clientOf({ ports: [(wrong.address() as net.AddressInfo).port] });
    await until(() => client.trouble !== undefined);
    expect(await given(client, bucket('x'))).toBe('away');
    if (why !== 'refuses') expect(client.trouble).toContain(why);
    wrong.close();
  });

  test('one that takes connections and says nothing is given up', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const client = clientOf({ ports: [(silent.address() as net.AddressInfo).port] });
    expect(await take(client, [bucket('x')], 100)).toBe('timeout');
    await until(() => client.trouble !== undefined);
    expect(client.trouble).toContain('does not answer');
    silent.close();
  });

  test('passwords: missing, wrong, right, and of a user with few rights; none of them is told', async () => {
    const server = await redis({ password: 'sesam-öffne-dich' });
    const [none, wrong] = [
      clientOf({ ports: [server.port] }),
      clientOf({ ports: [server.port], login: { password: 'guess-4711' } }),
    ];
    await until(() => none.trouble !== undefined && wrong.trouble !== undefined);
    expect(none.trouble).toMatch(/refuses calls \(NOAUTH\)/);
    expect(wrong.trouble).toMatch(/refuses the login \(WRONGPASS\)/);
    expect(JSON.stringify([wrong.trouble, wrong.name])).not.toContain('4711');
    expect(await answers(clientOf({ ports: [server.port], login: { password: 'sesam-öffne-dich' } }))).toBe(true);
    await server.ask(
      'ACL',
      'SETUSER',
      'limits',
      'on',
      '>few',
      '~daemun:limit:*',
      '+eval',
      '+evalsha',
      '+get',
      '+set',
      '+time',
    );
    const login = { username: 'limits', password: 'few' };
    expect(await answers(clientOf({ ports: [server.port], login }))).toBe(true);
  });

  test('calls that nobody could answer any more fail, and cost no memory', async () => {
    const silent = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const client = clientOf({ ports: [(silent.address() as net.AddressInfo).port] });
    const all = Array.from({ length: 10_050 }, () => take(client, [bucket('x')], 1_500));
    await Promise.all(all);
    expect(client.counts.overloaded + client.counts.away).toBeGreaterThanOrEqual(50);
    silent.close();
  });
});

/** A Sentinel ends the connections of whom it makes a master: who asks in that moment hears nothing, and asks again. */
async function isMaster(server: TestRedis): Promise<boolean> {
  return (await server.ask('ROLE').catch(() => '')).includes('master');
}

describe.skipIf(!REDIS_IS_HERE)('a master that Sentinels name', () => {
  async function guarded(): Promise<{ master: TestRedis; replica: TestRedis; sentinel: TestRedis }> {
    const master = await redis({ config: ['repl-diskless-sync-delay 0'] });
    const replica = await redis({ config: [`replicaof 127.0.0.1 ${master.port}`] });
    await until(async () => (await replica.ask('INFO', 'replication')).includes('master_link_status:up'));
    const lines = [
      `sentinel monitor limits 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds limits 500',
      'sentinel failover-timeout limits 2000',
    ];
    const sentinel = await redis({ sentinel: true, config: lines });
    await until(async () => (await sentinel.ask('SENTINEL', 'REPLICAS', 'limits')).includes(String(replica.port)));
    return { master, replica, sentinel };
  }

  test('dies in the middle of a limit: what was taken counts at the next one, which gives what is left and no more', async () => {
    const { master, replica, sentinel } = await guarded();
    const ports = [sentinel.port];
    const clients = [1, 2].map(() => clientOf({ ports, kind: 'Sentinel', sentinel: { master: 'limits', login: {} } }));
    const ten = bucket('ten', { capacity: 10 * 3_600 * SECOND });
    for (const client of clients) {
      await until(() => answers(client));
      expect(await given(client, { ...ten, wanted: 2 })).toEqual([2]);
    }
    await until(async () => (await replica.ask('EXISTS', ten.key)) === ':1\r\n');
    const offset = async (server: TestRedis): Promise<string | undefined> =>
      /master_repl_offset:(\d+)/.exec(await server.ask('INFO', 'replication'))?.[1];
    await until(async () => (await offset(master)) === (await offset(replica)));
    await master.stop();
    await until(() => isMaster(replica));
    for (const client of clients) await until(() => answers(client));
    const rest = await Promise.all(Array.from({ length: 20 }, (_, n) => given(clients[n % 2]!, { ...ten, wanted: 1 })));
    expect(rest.flat().reduce((sum: number, one) => sum + Number(one), 0)).toBe(6);
  });

  test('is followed where it goes: when it dies, and when it is made a replica', async () => {
    const { master, replica, sentinel } = await guarded();
    const dead = await freePort();
    const client = clientOf({
      ports: [dead, sentinel.port],
      kind: 'Sentinel',
      sentinel: { master: 'limits', login: {} },
    });
    expect(client.name).toBe(`redis://127.0.0.1:${dead},127.0.0.1:${sentinel.port}/limits`);
    await until(() => answers(client));
    await master.stop();
    await until(() => answers(client));
    await until(() => isMaster(replica));
    expect(await answers(client)).toBe(true);
    const unknown = clientOf({ ports: [sentinel.port], kind: 'Sentinel', sentinel: { master: 'other', login: {} } });
    await until(() => unknown.trouble !== undefined);
    expect(unknown.trouble).toContain('knows no master other');
  });

  test('a server that became a replica is left', async () => {
    const [one, other] = [await redis(), await redis()];
    const client = clientOf({ ports: [one.port] });
    expect(await answers(client)).toBe(true);
    await one.ask('REPLICAOF', '127.0.0.1', String(other.port));
    expect(await given(client, bucket('readonly'))).toBe('refused');
    await until(() => client.trouble !== undefined);
    expect(client.trouble).toContain('is no master');
    await one.ask('REPLICAOF', 'NO', 'ONE');
    await until(() => answers(client));
  });
});

describe.skipIf(!REDIS_IS_HERE)('a cluster', () => {
  const nodes: TestRedis[] = [];
  beforeAll(async () => {
    const config = ['cluster-enabled yes', 'cluster-node-timeout 1000', 'cluster-replica-validity-factor 0'];
    for (let i = 0; i < 4; i++) nodes.push(await redis({ config: [...config, `cluster-port ${await freePort()}`] }));
    const [a, b, c, d] = nodes as [TestRedis, TestRedis, TestRedis, TestRedis];
    for (const [at, node] of [a, b, c].entries()) {
      await node.ask('CLUSTER', 'ADDSLOTSRANGE', String(at * 5_461), String(at === 2 ? 16_383 : at * 5_461 + 5_460));
    }
    for (const node of [b, c, d]) {
      const bus = /cluster-port\r\n\$\d+\r\n(\d+)/.exec(await node.ask('CONFIG', 'GET', 'cluster-port'))![1]!;
      await a.ask('CLUSTER', 'MEET', '127.0.0.1', String(node.port), bus);
    }
    const id = text(await a.ask('CLUSTER', 'MYID'));
    await until(async () => (await d.ask('CLUSTER', 'NODES')).includes(id));
    await until(async () => (await d.ask('CLUSTER', 'REPLICATE', id)).startsWith('+OK'));
    for (const node of nodes) await until(async () => (await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    await until(async () => (await d.ask('INFO', 'replication')).includes('master_link_status:up'));
  });

  const text = (reply: string): string => reply.split('\r\n')[1]!;

  test('keys are spread, moves are followed, and a master that dies is replaced', async () => {
    const [a, b, , d] = nodes as [TestRedis, TestRedis, TestRedis, TestRedis];
    const client = clientOf({ ports: [b.port], kind: 'Cluster' });
    await until(() => answers(client));
    const all = await Promise.all(Array.from({ length: 300 }, (_, i) => given(client, bucket(`spread ${i}`))));
    expect(all.filter((one) => one[0] !== 1)).toEqual([]);
    for (const node of nodes.slice(0, 3)) expect(Number((await node.ask('DBSIZE')).slice(1))).toBeGreaterThan(50);

    // A slot on its way: ASK while it moves, MOVED when it has.
    const key = limitKey('moving', '');
    const slot = (await a.ask('CLUSTER', 'KEYSLOT', key)).slice(1).trim();
    const owner = [0, 1, 2].find((at) => Number(slot) <= (at === 2 ? 16_383 : at * 5_461 + 5_460))!;
    const [from, to] = [nodes[owner]!, nodes[owner === 1 ? 2 : 1]!];
    const [fromId, toId] = [text(await from.ask('CLUSTER', 'MYID')), text(await to.ask('CLUSTER', 'MYID'))];
    await to.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    expect(await given(client, bucket('moving'))).toEqual([1]);
    expect(await to.ask('CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe(':1\r\n');
    for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    expect(await given(client, bucket('moving', { wanted: 9 }))).toEqual([2]);

    const before = limitKey('spread 0', '');
    expect(before).toMatch(/^daemun:limit:[\w-]{27}$/);
    await a.stop();
    await until(() => isMaster(d));
    const takesAll = async (): Promise<boolean> => {
      const found = await Promise.all(
        Array.from({ length: 100 }, (_, i) => given(client, bucket(`after ${i}`, { cost: 1 }))),
      );
      return found.every((one) => one[0] === 1);
    };
    await until(takesAll);
    expect(client.trouble).toBeUndefined();
  });
});

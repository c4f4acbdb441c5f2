/** Endpoints that are dead in some way beside one that lives, against what docs/guides/backends.md says of retries. */
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { type RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';

/** What befalls a request: which cause a policy has for it, and what its client is told in the end. */
interface Illness {
  cause: 'ConnectFailure' | 'Reset' | 'Timeout' | 'InvalidAnswer' | 'Status' | 'none';
  /** 0: an answer that is cut. */
  told: number[];
  /** Some of an answer came before. */
  begun?: boolean;
  /** Absent: nobody listens. */
  talk?: (socket: net.Socket) => void;
}

const say =
  (text: string) =>
  (socket: net.Socket): unknown =>
    socket.once('data', () => socket.end(text));

const ILLNESSES: Record<string, Illness> = {
  closed: { cause: 'ConnectFailure', told: [502, 503] },
  'hung-up': { cause: 'Reset', told: [502], talk: (socket) => socket.once('data', () => socket.destroy()) },
  reset: { cause: 'Reset', told: [502], talk: (socket) => socket.once('data', () => socket.resetAndDestroy()) },
  frozen: { cause: 'Timeout', told: [504], talk: (socket) => socket.pause() },
  'half-a-head': { cause: 'Reset', begun: true, told: [502], talk: say('HTTP/1.1 200 OK\r\nContent-Le') },
  'no-http': { cause: 'InvalidAnswer', told: [502], talk: say('SSH-2.0-OpenSSH_9.2\r\n') },
  busy: {
    cause: 'Status',
    told: [503],
    talk: say('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
  },
  'half-a-body': { cause: 'none', told: [0], talk: say('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf') },
  'half-a-chunk': {
    cause: 'none',
    told: [0],
    talk: say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf'),
  },
};

interface Policy {
  rule?: object;
  retry?: { attempts: number; causes?: string[]; codes?: number[]; nonIdempotent?: boolean };
}

const POLICIES: Record<string, Policy> = {
  none: {},
  codes: { rule: { retry: { attempts: 1, codes: [503] } } },
  usual: { retry: { attempts: 1 } },
  timeouts: { retry: { attempts: 1, causes: ['Timeout'] } },
  invalid: { retry: { attempts: 1, causes: ['InvalidAnswer'] } },
  all: {
    retry: {
      attempts: 2,
      causes: ['ConnectFailure', 'Reset', 'Timeout', 'InvalidAnswer'],
      codes: [503],
      nonIdempotent: true,
    },
  },
};

const METHODS = ['GET', 'DELETE', 'PUT', 'POST'] as const;
type Method = (typeof METHODS)[number];

/** Whether it is tried again: docs/guides/backends.md, Retries. PUT and POST have a body. */
function isAgain(illness: Illness, { rule, retry }: Policy, method: Method): boolean {
  const { cause, begun = false } = illness;
  if (cause === 'ConnectFailure') return true;
  if (retry !== undefined) {
    const { causes = ['ConnectFailure', 'Reset'], codes = [] } = retry;
    const named = cause === 'Status' ? codes.includes(503) : causes.includes(cause);
    return named && (method !== 'POST' || retry.nonIdempotent === true);
  }
  if (rule !== undefined) {
    if (cause === 'Status' || cause === 'Timeout') return true;
    return cause === 'Reset' && !begun && method !== 'POST';
  }
  return cause === 'Reset' && !begun && (method === 'GET' || method === 'DELETE');
}

const cases = Object.keys(ILLNESSES).flatMap((ill) => Object.keys(POLICIES).map((policy) => [ill, policy] as const));
const REPEATS = 2;

let rig: Rig;
const backends: TestBackend[] = [];
const closed: TestBackend[] = [];
/** Requests that came to the dead endpoint of a Service. */
const seen = new Map<string, number>();

async function deadPort(name: string, { talk }: Illness): Promise<number> {
  const backend = await rawBackend((socket) => {
    socket.on('error', () => {});
    seen.set(name, (seen.get(name) ?? 0) + 1);
    talk?.(socket);
  });
  // Closed when all are there, so that none of them gets its port.
  (talk === undefined ? closed : backends).push(backend);
  return backend.port;
}

beforeAll(async () => {
  const alive = net.createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        if (/\r\n\r\n/.test(String(bytes))) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
  });
  await new Promise<void>((resolve) => alive.listen(0, '127.0.0.1', resolve));
  const endpoints: string[] = [];
  const objects: object[] = [];
  for (const [ill, policy] of cases) {
    const { rule = {}, retry } = POLICIES[policy]!;
    const names = [`${ill}-${policy}`, `${ill}-${policy}-alone`] as const;
    const rules = names.map((name) => ({
      matches: [{ path: { value: `/${name}` } }],
      ...backendRefs(name),
      ...rule,
      // Nothing else may be late: the machine may be busy.
      ...(ill === 'frozen' && { timeouts: { backendRequest: '250ms' } }),
    }));
    objects.push(httpRoute(names[0], rules));
    for (const [at, name] of names.entries()) {
      const dead = await deadPort(name, ILLNESSES[ill]!);
      endpoints.push(endpointsOf(name, dead, ...(at === 0 ? [(alive.address() as AddressInfo).port] : [])));
      const budget = { percent: 100, perSecond: 10_000 };
      const traffic = {
        outlierDetection: { disabled: true },
        ...(retry && { retry: { ...retry, backoff: '1ms', budget } }),
      };
      objects.push(service(name), backendTraffic(name, traffic));
    }
  }
  backends.push({ port: 0, accepted: 0, open: 0, close: async () => void alive.close() });
  rig = await serveManifests(manifests([HTTP], ...objects), { endpoints });
  for (const backend of closed) await backend.close();
});
afterAll(async () => {
  await rig.close();
  for (const backend of backends) await backend.close();
});

/** 0: the connection ended before the answer was whole. */
async function ask(client: RawClient, method: Method, path: string): Promise<number> {
  const body = method === 'PUT' || method === 'POST' ? 'hi' : '';
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  try {
    const [answer] = await client.ask(`${method} /${path} HTTP/1.1\r\nHost: a.example\r\n${length}\r\n${body}`);
    return answer!.status;
  } catch {
    return 0;
  }
}

async function asked(name: string, method: Method): Promise<{ statuses: number[]; most: number }> {
  const statuses: number[] = [];
  let most = 0;
  for (let turn = 0; turn < REPEATS; turn++) {
    const before = seen.get(name) ?? 0;
    const client = await rawClient(rig.port());
    statuses.push(await ask(client, method, name));
    client.close();
    most = Math.max(most, (seen.get(name) ?? 0) - before);
  }
  return { statuses, most };
}

interface Result {
  beside: { statuses: number[]; most: number };
  alone: { statuses: number[]; most: number };
}

/** All cases at once, since what is frozen takes its time. */
let results: Map<string, Result>;
beforeAll(async () => {
  const all = cases.map(async ([ill, policy]) => {
    const of: Array<[string, Result]> = [];
    for (const method of METHODS) {
      const beside = await asked(`${ill}-${policy}`, method);
      const alone = await asked(`${ill}-${policy}-alone`, method);
      of.push([`${ill} ${policy} ${method}`, { beside, alone }]);
    }
    return of;
  });
  results = new Map((await Promise.all(all)).flat());
}, 60_000);

describe.each(cases)('%s, %s:', (ill, policy) => {
  const illness = ILLNESSES[ill]!;
  test.each(METHODS)('%s', (method) => {
    const { beside, alone } = results.get(`${ill} ${policy} ${method}`)!;
    const again = isAgain(illness, POLICIES[policy]!, method);
    const right = again ? [200] : [200, ...illness.told];
    for (const status of beside.statuses) expect(right).toContain(status);
    for (const status of alone.statuses) expect(illness.told).toContain(status);
    const tries = again ? 1 + (POLICIES[policy]!.retry?.attempts ?? 1) : 1;
    if (illness.talk) expect(alone.most).toBeLessThanOrEqual(tries);
    if (again && illness.talk && policy !== 'none') expect(alone.most).toBe(tries);
  });

  test('the dead one is asked, and seen', () => {
    const not = METHODS.filter((method) => !isAgain(illness, POLICIES[policy]!, method));
    const statuses = not.flatMap((method) => results.get(`${ill} ${policy} ${method}`)!.beside.statuses);
    expect(statuses.length === 0 || statuses.some((status) => status !== 200)).toBe(true);
  });
});

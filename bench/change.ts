/**
 * What a change of the config costs the thread that serves: `node --expose-gc bench/change.ts` takes deltas as a worker does,
 * a piece at a time, and prints the longest stretch during which no request would get its turn, and the time in all.
 * Control has no part in it: pieces are made beforehand.
 */
import { setImmediate } from 'node:timers/promises';
import { type Ack, type ConfigObject, type Delta, Publisher } from '../src/config/index.ts';
import { Assembly } from '../src/delivery/assembly.ts';
import { Intake } from '../src/delivery/intake.ts';
import { piecesOf } from '../src/delivery/piece.ts';
import { createProxy } from '../src/proxy/index.ts';

const ROUTES = Number(process.argv[2] ?? 5_000);
const ADDED = ROUTES * 0.8;
const EDITS = 20;

const LISTENER: ConfigObject = {
  kind: 'Listener',
  key: 'd/g/http',
  gateway: 'd/g',
  name: 'http',
  addresses: [],
  port: 80,
  protocol: 'HTTP',
};

/** A route with a host and a Service of its own, as tenants write them. */
function route(name: string, path = '/'): ConfigObject[] {
  const backend = `d/${name}:80`;
  return [
    { kind: 'Backend', key: backend, service: { namespace: 'd', name, port: 80 }, protocol: 'http' },
    { kind: 'Endpoints', key: backend, endpoints: [{ address: '127.0.0.1', port: 8080, state: 'ready' }] },
    {
      kind: 'RouteRule',
      key: `HTTPRoute/d/${name}/0`,
      route: { kind: 'HTTPRoute', namespace: 'd', name },
      index: 0,
      created: '',
      attachments: [{ listener: 'd/g/http', hostnames: [`${name}.example.com`] }],
      matches: [
        { path: { type: 'PathPrefix', value: path }, headers: [], query: [] },
        {
          path: { type: 'Exact', value: `${path}health` },
          headers: [{ type: 'Exact', name: 'x-probe', value: '1' }],
          query: [],
        },
      ],
      filters: [
        {
          type: 'RequestHeaderModifier',
          set: [{ name: 'x-tenant', value: name }],
          add: [],
          remove: ['x-debug'],
        },
      ],
      backends: [{ backend, weight: 1, filters: [] }],
    },
  ];
}

interface Cost {
  /** Milliseconds. */
  longest: number;
  total: number;
}

class ServingThread {
  readonly #acks: Array<(ack: Ack) => void> = [];
  readonly #assembly = new Assembly();
  readonly #intake: Intake;

  constructor() {
    const proxy = createProxy({
      name: 'bench',
      bind: ['127.0.0.1'],
      portMap: new Map([[80, 0]]),
      reusePort: false,
      trustedHops: [],
    });
    this.#intake = new Intake({
      name: 'bench',
      open: () => ({
        apply: (delta) => proxy.apply(delta),
        metrics: () => [proxy.metrics()],
        drain: (timeout) => proxy.drain(timeout),
      }),
      onAck: (ack) => this.#acks.shift()!(ack),
      onError: (error) => {
        throw error;
      },
    });
  }

  /** Takes the delta, and measures every turn of the loop until it is acknowledged. */
  async take(delta: Delta): Promise<Cost> {
    const texts = [...piecesOf(delta)].map((piece) => JSON.stringify(piece));
    // Garbage of the sender is not the thread's; that of a small delta is not worth a collection.
    await settled(texts.length > 1);
    const acked = new Promise<Ack>((resolve) => this.#acks.push(resolve));
    let done = false;
    void acked.then((ack) => {
      if (ack.rejected.length > 0) throw new Error(JSON.stringify(ack.rejected[0]));
      done = true;
    });
    const cost = { longest: 0, total: 0 };
    for (let turn = 0; !done; turn++) {
      const before = performance.now();
      const text = texts[turn];
      if (text !== undefined) {
        const received = this.#assembly.take(JSON.parse(text));
        if (received) this.#intake.take(received.delta, received.refused);
      }
      await setImmediate();
      const spent = performance.now() - before;
      cost.longest = Math.max(cost.longest, spent);
      cost.total += spent;
    }
    return cost;
  }

  async close(): Promise<void> {
    await this.#intake.drain(0);
  }
}

/** What was left over from before is not counted. */
async function settled(collect = true): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await setImmediate();
  if (collect) globalThis.gc?.();
}

function text({ longest, total }: Cost): string {
  return `longest turn ${longest.toFixed(2)} ms, in all ${total.toFixed(1)} ms`;
}

async function measure(): Promise<void> {
  const thread = new ServingThread();
  const publisher = new Publisher();
  const delta = (objects: ConfigObject[]): Delta => publisher.publish(objects.map((after) => ({ after })))!;
  await settled();
  const before = process.memoryUsage();
  const first = Array.from({ length: ROUTES - ADDED }, (_, at) => route(`r${at}`)).flat();
  console.log(`first ${ROUTES - ADDED} routes:      ${text(await thread.take(delta([LISTENER, ...first])))}`);
  const more = Array.from({ length: ADDED }, (_, at) => route(`n${at}`)).flat();
  console.log(`${ADDED} more in one go:  ${text(await thread.take(delta(more)))}`);
  const edits: Cost[] = [];
  for (let at = 0; at < EDITS; at++) edits.push(await thread.take(delta([route(`r${at}`, '/edited/')[2]!])));
  const median = edits.toSorted((a, b) => a.total - b.total)[EDITS / 2]!;
  console.log(`one edit of ${ROUTES}:      ${text(median)} (median of ${EDITS})`);
  const endpoints: Cost[] = [];
  for (let at = 0; at < EDITS; at++) {
    const key = `d/r${at}:80`;
    endpoints.push(
      await thread.take(
        delta([{ kind: 'Endpoints', key, endpoints: [{ address: '127.0.0.2', port: 8080, state: 'ready' }] }]),
      ),
    );
  }
  console.log(
    `endpoints of one:       ${text(endpoints.toSorted((a, b) => a.total - b.total)[EDITS / 2]!)} (median of ${EDITS})`,
  );
  await settled();
  const after = process.memoryUsage();
  console.log(
    `memory: heap ${mb(after.heapUsed - before.heapUsed)} MB more, of it half is the sender's copy; resident ${mb(after.rss)} MB`,
  );
  await thread.close();
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

await measure();

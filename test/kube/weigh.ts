/**
 * What a controller weighs and what a change costs it: `npm run build && node test/kube/weigh.ts 5000`. Each route has a
 * Service and an EndpointSlice of its own. Linux only.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { ApiObject } from './index.ts';
import { route, slice, WeighedController } from './weighed-controller.ts';

/** Changes of each kind, and milliseconds between two. */
const CHANGES = 50;
const INTERVAL = 100;
/** A tenant who does not stop: changes of routes a second, and for how many seconds. */
const FLOOD = { rate: 100, seconds: 20 };
/** Milliseconds after which a process is at rest. */
const REST = 10_000;

const count = Number(process.argv[2] ?? 5000);
const running = await WeighedController.start();

function weigh(when: string): void {
  const { whole, own } = running.weigh();
  console.log(`${when}: ${whole.toFixed(1)} MB, of which ${own.toFixed(1)} are not shared`);
}

async function cost(what: string, change: (at: number) => ApiObject): Promise<void> {
  const before = running.cpu();
  for (let at = 0; at < CHANGES; at++) {
    running.replace(change((at * 37) % count));
    await pause(INTERVAL);
  }
  await running.settled();
  await pause(INTERVAL * 5);
  console.log(`${what}: ${((running.cpu() - before) / CHANGES).toFixed(1)} ms of processor time`);
}

async function flood({ rate, seconds }: typeof FLOOD): Promise<void> {
  const began = { at: performance.now(), cpu: running.cpu() };
  for (let at = 0; at < rate * seconds; at++) {
    running.replace(route(at % count, `flood-${at}`));
    const left = began.at + ((at + 1) * 1000) / rate - performance.now();
    if (left > 1) await pause(left);
  }
  await running.settled();
  const took = (performance.now() - began.at) / 1000;
  const spent = (running.cpu() - began.cpu) / 1000;
  console.log(
    `${rate} changes of routes a second for ${seconds} s: Programmed ${(took - seconds).toFixed(1)} s after the last, with ${spent.toFixed(2)} s of processor time`,
  );
}

await pause(1000);
weigh('before');
const start = { at: performance.now(), cpu: running.cpu() };
await running.fill(count);
const took = ((performance.now() - start.at) / 1000).toFixed(1);
const spent = ((running.cpu() - start.cpu) / 1000).toFixed(2);
console.log(`${count} routes: Programmed after ${took} s, with ${spent} s of processor time`);
await pause(REST);
weigh('at rest');
await cost('one change of endpoints', (at) => slice(at, 2));
await cost('one change of a route', (at) => route(at, 'changed'));
await flood(FLOOD);
await pause(REST);
weigh('after the changes');
await running.close();

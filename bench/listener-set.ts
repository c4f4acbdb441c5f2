/**
 * What ListenerSets of one Gateway cost whoever controls: `node bench/listener-set.ts 500 1000 2500` makes so many, one after
 * another, each with 16 routes, as a watch brings them, and a data plane in memory that takes all. Prints the processor time
 * of a set, of a route and of an edit when so many are there, and the longest turn; and that of the Gateway that goes with
 * all of them, and comes again, of the processor alone.
 */
import { setImmediate } from 'node:timers/promises';
import { ListenerSetRig } from './listener-set-rig.ts';

const steps = process.argv.slice(2).map(Number);
const rig = await ListenerSetRig.open();
console.log(
  'sets    routes   ms a set   ms a route   ms an edit of a set   longest turn   MB of heap   longest as the Gateway goes and comes',
);
for (const sets of steps.length > 0 ? steps : [100, 500, 1000, 2500]) {
  await rig.fill(sets);
  const { set, route, edit, longest } = await rig.cost();
  globalThis.gc?.();
  await setImmediate();
  const heap = process.memoryUsage().heapUsed / 1e6;
  const anew = (await rig.comesAnew()).longest;
  const times = [set, route, edit, longest].map((one) => one.toFixed(2));
  const figures = [sets, rig.routes, ...times, heap.toFixed(0), anew.toFixed(0)];
  console.log(figures.map((one) => String(one).padStart(7)).join('  '));
}
await rig.close();

/** Many routes, each with a Service and an EndpointSlice of its own: memory of each side, and what one change costs. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, said } from './asker.ts';
import { podAddress, selectorless } from './disturbance.ts';
import { hostOf, type Stage } from './stage.ts';
import { SIDES, TITLES, tellMemory, uses } from './usage.ts';

const PART = 'services';
/** Changes whose cost is taken the mean of, and milliseconds between two. */
const CHANGES = 100;
const EVERY = 100;
/** Milliseconds at rest: before memory is looked at, and from which the cost of doing nothing is known. */
const SETTLED = 10_000;
const GOALS = { controllers: '≤ 250 MB', dataPlanes: '≤ 150 MB' } as const;
/** So many of the routes are asked for. */
const ASKED = 200;

export async function services(stage: Stage, count: number): Promise<void> {
  const { tally } = stage;
  const empty = await uses(stage);
  tellMemory(stage, { part: PART, when: 'before' }, empty);
  const endpoint = await podAddress(stage, 'a');
  const began = performance.now();
  const since = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  let done = 0;
  await stage.each(count, async (at) => {
    await selectorless(stage, nameOf(at), [endpoint]);
    await stage.create(stage.routes, stage.route(nameOf(at), nameOf(at)));
    if (++done % 500 === 0) tally.progress(`${PART}: ${done} of ${count}`);
  });
  tally.figure(PART, `the API server has taken ${count} routes, Services and EndpointSlices after`, since());
  await stage.attached(count);
  await stage.programmed(count);
  tally.figure(PART, 'all say Programmed after', since());
  await asked(stage, count);
  await delay(SETTLED);
  tellMemory(stage, { part: PART, when: `with ${count} of each`, goals: GOALS }, await uses(stage));
  await costOfChanges(stage, count);
  tally.figure(PART, 'teardown of the routes', `${(await stage.clear()).toFixed(1)} s`);
}

async function asked(stage: Stage, count: number): Promise<void> {
  const asker = new Asker(stage.address);
  for (let at = 0; at < count; at += Math.ceil(count / ASKED)) {
    const answer = await asker.ask(hostOf(nameOf(at)));
    if (answer.status !== 200) stage.tally.fail(`${PART}: ${nameOf(at)} is Programmed: ${said(answer)}`);
  }
  asker.close();
}

/** Processor time of each side beyond what it takes at rest in the same time. */
async function costOfChanges(stage: Stage, count: number): Promise<void> {
  const before = await uses(stage);
  await delay(SETTLED);
  const began = performance.now();
  const middle = await uses(stage);
  for (let change = 0; change < CHANGES; change++) {
    const next = delay(EVERY);
    const name = nameOf((change * 37) % count);
    const set = [{ name: 'x-change', value: String(change) }];
    const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set } }];
    const rules = [{ filters, backendRefs: [{ name, port: 8080 }] }];
    await stage.patch(`${stage.routes}/${name}`, { spec: { rules } });
    await next;
  }
  await stage.programmed(count);
  const after = await uses(stage);
  const scale = (performance.now() - began) / SETTLED;
  for (const side of SIDES) {
    const costs = after[side].map(({ cpu }, at) => {
      const rest = (middle[side][at]!.cpu - before[side][at]!.cpu) * scale;
      return `${(((cpu - middle[side][at]!.cpu - rest) * 1000) / CHANGES).toFixed(1)} ms`;
    });
    stage.tally.figure(PART, `processor time of one change, ${TITLES[side]}`, costs.join(', '), '≤ 5 ms');
  }
}

const nameOf = (at: number): string => `service-${at}`;

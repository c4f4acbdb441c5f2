/** Many routes at once: until all are attached and served, what their statuses cost, and until they are gone. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, said } from './asker.ts';
import { hostOf, type Stage } from './stage.ts';

const PART = 'at-once';
/** Milliseconds in which a status might be written once more. */
const SETTLED = 3_000;

export async function atOnce(stage: Stage, count: number): Promise<void> {
  const { tally } = stage;
  const writes = stage.watch.statusWrites;
  const began = performance.now();
  const since = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  await stage.each(count, (at) => stage.create(stage.routes, stage.route(nameOf(at), at % 2 === 0 ? 'a' : 'b')));
  tally.figure(PART, `the API server has taken ${count} routes after`, since());
  await stage.attached(count);
  tally.figure(PART, `attachedRoutes is ${count} after`, since());
  await stage.programmed(count);
  tally.figure(PART, 'all say Programmed after', since());
  const asker = new Asker(stage.address);
  for (let at = 0; at < count; at++) {
    const answer = await asker.ask(hostOf(nameOf(at)));
    if (answer.status !== 200) tally.fail(`${PART}: ${nameOf(at)} is Programmed: ${said(answer)}`);
  }
  asker.close();
  await delay(SETTLED);
  const each = (stage.watch.statusWrites - writes) / count;
  tally.figure(PART, 'status writes per route', each.toFixed(2), '≤ 2');
  tally.figure(PART, 'teardown', `${(await stage.clear()).toFixed(1)} s`);
}

const nameOf = (at: number): string => `mass-${at}`;

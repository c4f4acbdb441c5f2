/** Routes one after another: how long until one is served that was applied, with only 404 before and 200 after. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, said } from './asker.ts';
import { hostOf, type Stage } from './stage.ts';
import { quantile } from './tally.ts';

const PART = 'one-by-one';
/** Milliseconds between two questions. */
const PAUSE = 2;
/** Milliseconds until a route must be served. */
const PATIENCE = 30_000;
/** Questions after the first right answer. */
const AFTER = 3;

export async function oneByOne(
  stage: Stage,
  { count, most }: { count: number; most: number | undefined },
): Promise<void> {
  const { tally } = stage;
  const asker = new Asker(stage.address);
  const served: number[] = [];
  const answered: number[] = [];
  for (let at = 0; at < count; at++) {
    const time = await one(stage, asker, at);
    if (time === undefined) continue;
    served.push(time.served);
    answered.push(time.answered);
    if ((at + 1) % 50 === 0) tally.progress(`${PART}: ${at + 1} routes, p50 ${ms(quantile(served, 0.5))}`);
  }
  if (served.length > 0) tell(stage, served, answered);
  const p99 = served.length > 0 ? quantile(served, 0.99) : 0;
  if (most !== undefined && p99 > most) tally.fail(`${PART}: p99 is ${ms(p99)}, and ${ms(most)} was the most`);
  await stage.attached(count);
  for (let at = 0; at < count; at += Math.ceil(count / 100)) await expect200(stage, asker, at);
  asker.close();
  tally.figure(PART, 'teardown of all of them', `${(await stage.clear()).toFixed(1)} s`);
}

function tell({ tally }: Stage, served: number[], answered: number[]): void {
  const after = served.map((time, at) => Math.max(0, time - answered[at]!));
  tally.figure(PART, 'routes', String(served.length));
  tally.figure(PART, 'from apply to the first right answer, p50', ms(quantile(served, 0.5)), '≤ 50 ms');
  tally.figure(PART, 'from apply to the first right answer, p99', ms(quantile(served, 0.99)), '≤ 250 ms');
  tally.figure(PART, 'of it until the API server has answered, p50, p99', both(answered));
  tally.figure(PART, 'and from there on, p50, p99', both(after));
}

/** Milliseconds from the apply: until the route was served, and until the API server had answered. */
async function one(stage: Stage, asker: Asker, at: number): Promise<{ served: number; answered: number } | undefined> {
  const host = hostOf(nameOf(at));
  const before = await asker.ask(host);
  if (before.status !== 404) stage.tally.fail(`${PART}: before ${host} was applied: ${said(before)}`);
  const began = performance.now();
  const answer = stage.create(stage.routes, stage.route(nameOf(at), 'a')).then(() => performance.now() - began);
  const served = await firstRight(stage, asker, host);
  const answered = await answer;
  if (served === undefined) return undefined;
  for (let more = 0; more < AFTER; more++) await expect200(stage, asker, at);
  await expect200(stage, asker, Math.floor(Math.random() * (at + 1)));
  return { served: served - began, answered };
}

async function firstRight({ tally }: Stage, asker: Asker, host: string): Promise<number | undefined> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const answer = await asker.ask(host);
    if (answer.status === 200) return performance.now();
    if (answer.status !== 404) tally.fail(`${PART}: until ${host} was served: ${said(answer)}`);
    await delay(PAUSE);
  }
  tally.fail(`${PART}: ${host} is not served after ${PATIENCE / 1000} s`);
  return undefined;
}

async function expect200({ tally }: Stage, asker: Asker, at: number): Promise<void> {
  const answer = await asker.ask(hostOf(nameOf(at)));
  if (answer.status !== 200) tally.fail(`${PART}: after ${nameOf(at)} was served: ${said(answer)}`);
}

const nameOf = (at: number): string => `turn-${at}`;
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const both = (values: number[]): string => `${ms(quantile(values, 0.5))}, ${ms(quantile(values, 0.99))}`;

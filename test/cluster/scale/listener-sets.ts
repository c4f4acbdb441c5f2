/** Many ListenerSets, each with routes of its own: how far it goes, and what a route weighs. */
import { setTimeout as delay } from 'node:timers/promises';
import { Asker, said } from './asker.ts';
import { metric, podMetrics } from './pod-process.ts';
import { hostOf, type Stage } from './stage.ts';
import { SIDES, TITLES, tellMemory, type Uses, uses } from './usage.ts';

const PART = 'listener-sets';
/** Routes of a set. */
const ROUTES = 16;
/** Routes after which is told how it is. */
const MILESTONE = 8_000;
/** Milliseconds until all are served after the last was made, and at rest before memory is looked at. */
const PATIENCE = 900_000;
const SETTLED = 30_000;
/** So many of the routes are asked for. */
const ASKED = 200;

export async function listenerSets(stage: Stage, { sets, minutes }: { sets: number; minutes: number }): Promise<void> {
  const { tally } = stage;
  const empty = await uses(stage);
  tellMemory(stage, { part: PART, when: 'before' }, empty);
  const began = performance.now();
  const since = (): string => `${((performance.now() - began) / 1000).toFixed(0)} s`;
  let made = 0;
  await stage.each(sets, async (at) => {
    if (performance.now() - began > minutes * 60_000) return;
    await stage.create(stage.listenerSets, set(at));
    for (let route = 0; route < ROUTES; route++) await stage.create(stage.routes, routeOf(stage, at, route));
    made += ROUTES;
    if (made % MILESTONE === 0) tellMemory(stage, { part: PART, when: `with ${made} routes` }, await uses(stage));
    else if (made % (MILESTONE / 8) === 0) tally.progress(`${PART}: ${made} routes, ${stage.watch.served} are served`);
  });
  const figure = `${made / ROUTES}, ${made} after ${since()}`;
  tally.figure(PART, 'ListenerSets and their routes that the API server has taken', figure);
  await stage.programmed(made, PATIENCE);
  tally.figure(PART, 'all of them served, and their statuses written, after', since());
  await asked(stage, made);
  await delay(SETTLED);
  const full = await uses(stage);
  tellMemory(stage, { part: PART, when: `with ${made} routes, at rest` }, full);
  tellWeight(stage, { empty, full, made });
  tally.figure(PART, 'status writes per route', (stage.watch.statusWrites / made).toFixed(2), '≤ 2');
  await tellControllers(stage, made / ROUTES);
}

/** What only the controllers know. */
async function tellControllers(stage: Stage, sets: number): Promise<void> {
  const controllers = await stage.controllers();
  const texts = await Promise.all(controllers.map((pod) => podMetrics(stage.client, pod)));
  const writes = texts.reduce((sum, text) => sum + metric(text, 'daemun_status_writes_total', 'kind="ListenerSet"'), 0);
  stage.tally.figure(PART, 'status writes per ListenerSet', (writes / sets).toFixed(2), '≤ 3');
  const late = texts.map((text) => `${(metric(text, 'daemun_event_loop_delay_max_seconds') * 1000).toFixed(0)} ms`);
  stage.tally.figure(PART, 'longest turn of each controller', late.join(', '));
  const waited = texts.map((text) => `${metric(text, 'daemun_processor_wait_seconds_total').toFixed(0)} s`);
  stage.tally.figure(PART, 'each controller was ready and had no processor for', waited.join(', '));
}

const nameOf = (set: number): string => `set-${set}`;
const routeName = (set: number, route: number): string => `${nameOf(set)}-${route}`;

function set(at: number): object {
  const listeners = [{ name: 'http', port: 80, protocol: 'HTTP', hostname: `*.${hostOf(nameOf(at))}` }];
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'ListenerSet',
    metadata: { name: nameOf(at) },
    spec: { parentRef: { name: 'edge' }, listeners },
  };
}

function routeOf(stage: Stage, set: number, at: number): object {
  const parent = { group: 'gateway.networking.k8s.io', kind: 'ListenerSet', name: nameOf(set) };
  const made = stage.route(routeName(set, at), at % 2 === 0 ? 'a' : 'b', { parent }) as {
    spec: { hostnames: string[] };
  };
  made.spec.hostnames = [`${at}.${hostOf(nameOf(set))}`];
  return made;
}

async function asked(stage: Stage, made: number): Promise<void> {
  const asker = new Asker(stage.address);
  for (let at = 0; at < made; at += Math.ceil(made / ASKED)) {
    const host = `${at % ROUTES}.${hostOf(nameOf(Math.floor(at / ROUTES)))}`;
    const answer = await asker.ask(host);
    if (answer.status !== 200) stage.tally.fail(`${PART}: ${host} is served, its status says: ${said(answer)}`);
  }
  asker.close();
}

function tellWeight({ tally }: Stage, { empty, full, made }: { empty: Uses; full: Uses; made: number }): void {
  for (const side of SIDES) {
    const each = full[side].map(({ memory }, at) => (memory - (empty[side][at]?.memory ?? 0)) / made / 1000);
    tally.figure(PART, `memory per route, ${TITLES[side]}`, each.map((one) => `${one.toFixed(1)} KB`).join(', '));
  }
}

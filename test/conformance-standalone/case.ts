/** What we expect where the suite has a test, in our own words. */
import { equal } from 'node:assert/strict';
import { type Ask, checkAsk, readAsk } from './ask.ts';
import type { Material } from './material.ts';
import { eventually, INFRA, openScene, type Scene, type SceneOptions } from './scene.ts';
import { checkStatus, listenerNames } from './status.ts';
import type { Suite, Version } from './suite.ts';

export interface Case extends Pick<SceneOptions, 'prepare' | 'standIns'> {
  /** The suite's short name. */
  test: string;
  /** The version of the suite that this is for, where not every one. */
  only?: Version;
  /** The Gateway that requests go to and `served` routes attach to; same-namespace where it is not given. */
  on?: string;
  /** `Kind [ns/]name` of routes that `on` must accept with every reference resolved, itself serving on each listener. */
  served?: string[];
  /** Lines as status.ts says. */
  status?: string[];
  /** As ask.ts says. */
  asks?: Array<string | Ask>;
  /** What of the suite's test means nothing without a cluster. */
  without?: string;
  /** What no table says. */
  prove?: (scene: Scene, where: { on: string }) => Promise<void>;
}

/** Serves the test's manifests and throws at the first expectation that does not hold. */
export async function runCase(one: Case, { suite, material }: { suite: Suite; material: Material }): Promise<void> {
  const scene = await openScene({ suite, material, ...one });
  const on = one.on ?? 'same-namespace';
  try {
    const lines = [...servedLines(scene, on, one.served ?? []), ...(one.status ?? [])];
    for (const line of lines) await expectStatus(scene, line);
    for (const ask of one.asks ?? []) await expectAsk(scene, on, ask);
    await one.prove?.(scene, { on });
  } finally {
    await scene.close();
  }
}

export async function expectStatus(scene: Scene, ...lines: string[]): Promise<void> {
  await eventually(() => {
    const report = scene.rig.report();
    for (const line of lines) checkStatus(report, line);
  });
}

/** Statuses come before traffic: what is Programmed is served, so the first answer counts unless something was edited. */
export async function expectAsk(scene: Scene, on: string, ask: string | Ask): Promise<void> {
  await checkAsk(scene, on, typeof ask === 'string' ? readAsk(ask) : ask);
}

function servedLines(scene: Scene, on: string, routes: string[]): string[] {
  if (routes.length === 0) return [];
  const ready = 'Accepted=True Programmed=True ResolvedRefs=True';
  const listeners = listenerNames(scene.rig.report(), 'Gateway', on);
  return [
    `Gateway ${on} Accepted=True Programmed=True`,
    ...listeners.map((name) => `Gateway ${on} #${name} ${ready}`),
    ...routes.map((route) => `${route} @${INFRA}/${on} Accepted=True:Accepted ResolvedRefs=True`),
  ];
}

const SAMPLE = 500;
const AT_ONCE = 10;
const TOLERANCE = 0.05;

/** The share of each name among 500 answers: within 5 % of these, and none for those of 0. */
export async function expectShares(
  shares: Record<string, number>,
  ask: (at: number) => Promise<string>,
): Promise<void> {
  const counts = new Map<string, number>();
  const turns = Array.from({ length: SAMPLE }, (_, at) => at);
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let at = turns.pop(); at !== undefined; at = turns.pop()) {
      const name = await ask(at);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  });
  await Promise.all(workers);
  for (const [name, share] of Object.entries(shares)) {
    const got = (counts.get(name) ?? 0) / SAMPLE;
    const near = share === 0 ? got === 0 : Math.abs(got - share) <= TOLERANCE;
    equal(near, true, `${name} got ${got} of the traffic, not ${share}`);
  }
}

/** What each side takes, and how it is told. */
import { controlPlaneCpu, type PodPlace, type PodUse, podUse } from './pod-process.ts';
import type { Stage } from './stage.ts';

export const SIDES = ['controllers', 'dataPlanes'] as const;
type Side = (typeof SIDES)[number];
export const TITLES: Readonly<Record<Side, string>> = { controllers: 'each controller', dataPlanes: 'each data plane' };

export type Uses = Record<Side, PodUse[]>;

export async function uses(stage: Stage): Promise<Uses> {
  const all = (pods: PodPlace[]): Promise<PodUse[]> => Promise.all(pods.map((pod) => podUse(stage.client, pod)));
  return { controllers: await all(await stage.controllers()), dataPlanes: await all(await stage.dataPlanes()) };
}

interface About {
  part: string;
  when: string;
  goals?: Readonly<Record<Side, string>>;
}

export function tellMemory({ tally }: Stage, { part, when, goals }: About, now: Uses): void {
  for (const side of SIDES) {
    const figures = now[side].map(({ memory, private: own }) =>
      own === undefined ? `${mb(memory)} resident` : `${mb(memory)} (${mb(own)} private)`,
    );
    tally.figure(part, `memory ${when}, ${TITLES[side]}`, figures.join(', '), goals?.[side]);
  }
}

/** Processor time that a part took of everybody: the API server's is told apart. */
export class ProcessorTime {
  readonly #stage: Stage;
  readonly #before: Uses;
  readonly #cluster: number;

  private constructor(stage: Stage, before: Uses) {
    this.#stage = stage;
    this.#before = before;
    this.#cluster = controlPlaneCpu();
  }

  static async begin(stage: Stage): Promise<ProcessorTime> {
    return new ProcessorTime(stage, await uses(stage));
  }

  /** A pod that came meanwhile counts from its start; what one took that went is not known. */
  async tell(part: string): Promise<void> {
    const now = await uses(this.#stage);
    const taken = SIDES.map((side) => {
      const before = new Map(this.#before[side].map(({ name, cpu }) => [name, cpu]));
      return seconds(now[side].reduce((sum, { name, cpu }) => sum + cpu - (before.get(name) ?? 0), 0));
    });
    const cluster = controlPlaneCpu() - this.#cluster;
    const figure = [...(cluster > 0 ? [seconds(cluster)] : ['unknown']), ...taken].join(', ');
    this.#stage.tally.figure(part, 'processor time of API server, controllers, data planes', figure);
  }
}

const seconds = (time: number): string => `${time.toFixed(1)} s`;
export const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

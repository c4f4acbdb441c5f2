/** One gateway that serves a world after the other, and what it answers held against the model. */
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { freePort } from '../cli/daemun-process.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type Expected, expected, type Way } from './answer-model.ts';
import { ask, type Got } from './asking.ts';
import type { Request, World } from './resource.ts';
import { statusFaults } from './status-model.ts';
import { Witnesses } from './witness.ts';
import { MARK_PORT, markRequest, type Surroundings, WRITTEN_PORTS, written } from './written.ts';

const EMPTY: World = { gateways: [], listenerSets: [], routes: [], grants: [], services: [] };
/** What calls are told instead of a status. */
const GRPC_STATUSES: Record<string, number[]> = { 12: [404, 415], 14: [500, 503] };
const NOBODY: Got = { status: 0, headers: new Map() };

export class ServedWorld {
  readonly rig: Rig;
  readonly #witnesses: Witnesses;
  readonly #surroundings: Surroundings;
  #mark = 0;
  #asked = 0;

  private constructor(rig: Rig, witnesses: Witnesses, surroundings: Surroundings) {
    this.rig = rig;
    this.#witnesses = witnesses;
    this.#surroundings = surroundings;
  }

  static async start(): Promise<ServedWorld> {
    const witnesses = await Witnesses.start();
    const portMap = new Map<number, number>();
    for (const port of WRITTEN_PORTS) portMap.set(port, await freePort());
    const surroundings = { ports: witnesses.ports, portMap, certificate: await demoCertificate(['a.test']) };
    const rig = await serveManifests(written(EMPTY, 0, surroundings), { portMap });
    return new ServedWorld(rig, witnesses, surroundings);
  }

  /** Resolves once it is served. */
  async show(world: World): Promise<void> {
    await this.rig.write(written(world, ++this.#mark, this.#surroundings));
    // What was applied may have been what came of the change before.
    while (!(await this.#isMarked()));
  }

  async #isMarked(): Promise<boolean> {
    const { status } = await ask(this.#surroundings.portMap.get(MARK_PORT)!, markRequest(this.#mark), 'mark');
    return status !== 404;
  }

  /** What statuses say otherwise than the world. */
  statusFaults(world: World): string[] {
    return statusFaults(world, this.rig.report());
  }

  /**
   * What came otherwise than each of the worlds says that may be served, and what is needed to see why; undefined where all
   * is right. Worlds may come to be while it is asked.
   */
  async fault(worlds: readonly World[], request: Request): Promise<string | undefined> {
    const name = String(++this.#asked);
    const got = await this.#ask(request, name);
    const found: string[] = [];
    for (const world of worlds) {
      const meant = expected(world, request);
      const wrong = faults(meant, got);
      // While worlds change each other's mirrors may see it.
      if (wrong.length === 0 && worlds.length === 1) wrong.push(...(await this.#mirrored(meant, got, name)));
      if (wrong.length === 0) return undefined;
      found.push(`taken by ${meant.rule}: ${wrong.join(', or ')}`);
    }
    const { status, headers, sight, error } = got;
    return [
      JSON.stringify(request),
      ...new Set(found),
      `It came: ${error ?? status} ${JSON.stringify(Object.fromEntries(headers))}, the backend saw ${JSON.stringify(sight)}`,
    ].join('\n');
  }

  async #ask(request: Request, name: string): Promise<Got> {
    try {
      return await ask(this.#surroundings.portMap.get(request.port)!, request, name);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? NOBODY : { ...NOBODY, error: String(error) };
    }
  }

  async #mirrored({ mirrors }: Expected, got: Got, name: string): Promise<string[]> {
    if (got.sight?.service !== undefined) await this.#witnesses.saw(name, mirrors.always);
    return this.#witnesses
      .whoSaw(name)
      .filter((service) => service !== got.sight?.service && !mirrors.perhaps.includes(service))
      .map((service) => `${service} saw it, too`);
  }

  async close(): Promise<void> {
    await this.rig.close();
    await this.#witnesses.close();
  }
}

/** None where one of the ways fits. */
export function faults({ ways, listening }: Expected, got: Got): string[] {
  if (!listening) return got.status === 0 ? [] : [`nobody listens there, but it is answered ${got.status}`];
  const all = ways.map((way) => difference(way, got));
  return all.some((one) => one.length === 0) ? [] : all.map((one) => one.join('; '));
}

/** Lists with a space after their commas and without are the same. */
function tight(value: string | undefined): string | undefined {
  return value?.replace(/,\s+/g, ',');
}

function statusesOf({ status, headers }: Got): number[] {
  const call = headers.get('grpc-status');
  return call === undefined || call === '0' ? [status] : (GRPC_STATUSES[call] ?? []);
}

function difference(way: Way, got: Got): string[] {
  const found: string[] = [];
  const look = (what: string, is: string | undefined, meant: string | undefined): void => {
    if (is !== meant) found.push(`${what} is ${is}, not ${meant}`);
  };
  if (!statusesOf(got).some((status) => way.status.includes(status)))
    found.push(`status is not ${way.status.join(', ')}`);
  look('service', got.sight?.service, way.service);
  if (way.url !== undefined) look('path', got.sight?.url, way.url);
  if (way.host !== undefined) look('host', got.sight?.host, way.host);
  const sent = new Map(got.sight?.lines);
  for (const [name, value] of way.sent ?? []) look(`sent ${name}`, tight(sent.get(name)), tight(value));
  for (const [name, value] of way.answered ?? []) look(name, tight(got.headers.get(name)), tight(value));
  return found;
}

/** A gateway on which all cases stand side by side, whom they ask, and those who knock. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countryFile } from '../policies/country-file.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import type { Case } from './case.ts';
import type { Answered, ApiObject, Asked, Knock, Place, Statuses } from './guard.ts';
import { MATERIAL } from './material.ts';
import { Peers } from './peers.ts';
import { Relay } from './relay.ts';

const COUNTRIES = { '192.0.2.0/24': 'DE', '198.51.100.0/24': 'FR', '127.0.0.66/32': 'FR' };
const FIRST_PORT = 10_000;
const AT_ONCE = 16;
const SECURE = { name: 'neighbour', port: 443, protocol: 'HTTPS', hostname: 'neighbour.example' };

interface Standing {
  one: Case;
  place: Place;
  relay?: Relay;
}

export class Site {
  readonly #standing: Standing[];
  readonly #rig: Rig;
  readonly #peers: Peers;
  readonly #folder: string;
  readonly #neighbours: number[] = [];
  #writes = 0;

  private constructor(parts: { standing: Standing[]; rig: Rig; peers: Peers; folder: string }) {
    this.#standing = parts.standing;
    this.#rig = parts.rig;
    this.#peers = parts.peers;
    this.#folder = parts.folder;
  }

  static async open(cases: Case[], world?: 'without database'): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'daemun-guards-'));
    const countryDatabase = join(folder, 'countries.mmdb');
    await writeFile(countryDatabase, countryFile(COUNTRIES));
    const peers = await Peers.open();
    const standing: Standing[] = [];
    for (const [at, one] of cases.entries()) {
      const relay = one.guard.asks && (await Relay.to(peers.port(one.guard.asks)));
      const name = `c${at}-${one.name}`.slice(0, 50).replace(/-$/, '');
      const place = { name, host: `${name}.example`, port: FIRST_PORT + at, peer: relay?.port ?? 0 };
      standing.push({ one, place, ...(relay && { relay }) });
    }
    const rig = await serveManifests(manifestOf([], 0), {
      echo: true,
      ports: [80, 443, ...standing.map(({ place }) => place.port)],
      trustedHops: ['127.0.0.1/32'],
      loopbackNames: 'allowed',
      endpoints: standing.flatMap(({ place, relay }) => (relay ? [endpointsOf(`${place.name}-peer`, relay.port)] : [])),
      ...(world === undefined && { countryDatabase }),
    });
    return new Site({ standing, rig, peers, folder });
  }

  /** All cases at once, each at this step or its last one. */
  async write(at: number): Promise<void> {
    for (const { one, relay } of this.#standing) await relay?.turn(stepOf(one, at).peer);
    const objects = this.#standing.flatMap(({ one, place }) => stepOf(one, at).objects(place));
    await this.#rig.write(manifestOf(objects, ++this.#writes));
  }

  async visit(at: number): Promise<Array<[string, Statuses]>> {
    const waiting = this.#standing.filter(({ one }) => at < one.steps.length);
    const found: Array<[string, Statuses]> = [];
    const visitor = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        found.push([next.one.name, await this.#statuses(next, stepOf(next.one, at).statuses)]);
        this.#neighbours.push((await this.#ask(80, 'neighbour.example', {})).status);
        this.#neighbours.push((await this.#askSecurely('neighbour.example', {})).status);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
    return found;
  }

  /** What neighbours were told meanwhile. */
  async close(): Promise<number[]> {
    await this.#rig.close();
    for (const { relay } of this.#standing) await relay?.close();
    await this.#peers.close();
    await rm(this.#folder, { recursive: true });
    return this.#neighbours;
  }

  async #statuses({ one: { guard }, place }: Standing, wanted: Statuses): Promise<Statuses> {
    const knock: Knock = (asked = {}) =>
      guard.tls
        ? this.#askSecurely(place.host, asked, this.#portOf(place, 443))
        : this.#ask(this.#portOf(place, 80), place.host, asked);
    let stranger = await guard.stranger(knock, place);
    let welcome = await guard.welcome(knock, place);
    // Who was away is asked again after a while; who is to be kept out is not waited for.
    for (let i = 0; i < 100 && guard.asks && wanted[1] === 200 && welcome !== 200; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      welcome = await guard.welcome(knock, place);
    }
    // Refused in another way meanwhile, which an opening is not.
    if (guard.asks && stranger >= 500) stranger = await guard.stranger(knock, place);
    return [stranger, welcome];
  }

  /** Of its own, where it has a Gateway of its own. */
  #portOf({ port }: Place, common: number): number {
    return this.#rig.listeners().some((one) => one.port === port && one.bound.length > 0) ? port : common;
  }

  #ask(port: number, host: string, asked: Asked): Promise<Answered> {
    return answered(http.request({ port: this.#rig.port(port), ...optionsOf(host, asked) }), asked);
  }

  #askSecurely(host: string, asked: Asked, port = 443): Promise<Answered> {
    const options = { ...optionsOf(host, asked), servername: host, rejectUnauthorized: false };
    return answered(https.request({ port: this.#rig.port(port), ...options, ...asked.certificate }), asked);
  }
}

function stepOf({ steps }: Case, at: number): Case['steps'][number] {
  return steps[Math.min(at, steps.length - 1)]!;
}

function manifestOf(objects: ApiObject[], writes: number): string {
  const listeners = objects.filter(({ kind }) => kind === 'Listener').map(({ spec }) => spec!);
  const secure = { ...SECURE, tls: { certificateRefs: [{ name: 'served' }] } };
  return manifests(
    [HTTP, secure, ...listeners],
    httpRoute('neighbour', [backendRefs('web')], { hostnames: ['neighbour.example'] }),
    // So that each writing changes something.
    httpRoute('tick', [backendRefs('web')], { hostnames: [`tick-${writes}.example`] }),
    ...[service('web'), MATERIAL.served],
    ...objects.filter(({ kind }) => kind !== 'Listener'),
  );
}

function optionsOf(
  host: string,
  { headers, method = 'GET', path = '/', from = '192.0.2.1', local }: Asked,
): http.RequestOptions {
  const lines = { host, 'x-forwarded-for': from, ...headers };
  return { host: '127.0.0.1', path, method, agent: false, headers: lines, ...(local && { localAddress: local }) };
}

function answered(request: http.ClientRequest, { body, meanwhile }: Asked): Promise<Answered> {
  return new Promise((resolve) => {
    request.on('response', (answer) => {
      const told = (): void =>
        resolve({ status: answer.statusCode!, headers: answer.headers, whole: answer.readableEnded });
      answer.resume();
      if (meanwhile === undefined) return void answer.on('close', told);
      void meanwhile()
        .finally(told)
        .finally(() => request.destroy());
    });
    request.on('error', () => resolve({ status: 0, headers: {}, whole: false }));
    request.end(body);
  });
}

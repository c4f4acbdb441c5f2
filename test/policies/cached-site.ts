/** A gateway that keeps answers, and a backend that gives those that a test wants: of a test file each its own. */
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, type RigOptions, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ROUTES: PolicyAim[] = ['a', 'b', 'raw'].map((name) => ({ kind: 'HTTPRoute', name }));
export const cached = (more: object = {}, name = 'kept'): object =>
  requestPolicy('ResponsePolicy', name, ROUTES, { cache: more });

const ADDED = { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-added', value: '1' }] } };

export function site(...policies: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [{ ...backendRefs('web'), filters: [ADDED] }], { hostnames: ['a.example', '*.a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    httpRoute('raw', [backendRefs('raw')], { hostnames: ['raw.example'] }),
    service('web'),
    service('raw'),
    ...policies,
  );
}

export type Handler = (request: http.IncomingMessage, answer: http.ServerResponse, nth: number) => void;

export interface Asked {
  host?: string;
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
}

export interface Got {
  status: number;
  headers: http.IncomingHttpHeaders;
  text: string;
  bytes: Buffer;
}

export const FRESH = { 'cache-control': 'max-age=100', 'content-type': 'text/plain' };

/** What tests do with it. */
export class CachedSite {
  rig!: Rig;
  /** What the backend of `raw.example` does with a connection. */
  rawTalk: (socket: net.Socket) => void = (socket) => socket.destroy();
  /** `request`, once the handler of one has been called. */
  readonly arrivals = new EventEmitter();
  #start!: (manifests: string) => Promise<Rig>;
  readonly #manifests: string;
  readonly #handlers = new Map<string, Handler>();
  readonly #asked = new Map<string, number>();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  #paths = 0;
  /** Of the backend of `a.example`. */
  port = 0;

  constructor(policy: object = cached(), options: RigOptions = {}) {
    this.#manifests = site(policy);
    let origin: TestBackend;
    let raw: TestBackend;
    beforeAll(async () => {
      origin = await httpBackend((request, answer) => {
        const path = request.url!.split('?')[0]!;
        this.#asked.set(path, this.timesAsked(path) + 1);
        this.#handlers.get(path)?.(request, answer, this.timesAsked(path));
        this.arrivals.emit('request');
      });
      this.port = origin.port;
      raw = await rawBackend((socket) => this.rawTalk(socket));
      const endpoints = [endpointsOf('web', origin.port), endpointsOf('raw', raw.port)];
      this.#start = (manifests) => serveManifests(manifests, { endpoints, ...options });
      this.rig = await this.#start(this.#manifests);
    });
    afterAll(async () => {
      await this.rig.close();
      await origin.close();
      await raw.close();
      this.#agent.destroy();
    });
  }

  /** Another process in its place. */
  async restart(manifests: string = this.#manifests): Promise<void> {
    await this.rig.close();
    this.rig = await this.#start(manifests);
  }

  /** A path of its own, which the backend answers so. */
  at(handler: Handler | http.OutgoingHttpHeaders): string {
    const path = `/${++this.#paths}`;
    const plain: Handler = (_request, answer, nth) =>
      answer.writeHead(200, handler as http.OutgoingHttpHeaders).end(`body ${nth}`);
    this.#handlers.set(path, typeof handler === 'function' ? handler : plain);
    return path;
  }

  timesAsked(path: string): number {
    return this.#asked.get(path) ?? 0;
  }

  async ask(path: string, { host = 'a.example', method = 'GET', headers = {}, body }: Asked = {}): Promise<Got> {
    const to = { port: this.rig.port(), host: '127.0.0.1', path, method, agent: this.#agent };
    const call = http.request({ ...to, headers: { host, ...headers } });
    call.end(body);
    const [answer] = (await once(call, 'response')) as [http.IncomingMessage];
    const bytes = await buffer(answer);
    return { status: answer.statusCode!, headers: answer.headers, text: bytes.toString(), bytes };
  }

  async texts(path: string, ...all: Asked[]): Promise<string[]> {
    const found: string[] = [];
    for (const one of all) found.push((await this.ask(path, one)).text);
    return found;
  }
}

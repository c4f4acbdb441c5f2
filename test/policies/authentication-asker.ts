/** A gateway with two routes for tests of authentication, and a client that shows what the backend got. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, type RigOptions, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

export const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
export const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };

/** Route `a` is guarded, `b` is not. */
export function guardedSite(...objects: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    service('web'),
    ...objects,
  );
}

export function authentication(spec: object, aim: PolicyAim = ROUTE, name = 'who'): object {
  return requestPolicy('AuthenticationPolicy', name, aim, spec);
}

export function secret(name: string, stringData: Record<string, string>, namespace = 'default'): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}

export function basicLine(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

export interface Asked {
  host?: string;
  path?: string;
  method?: string;
  from?: string;
  authorization?: string;
  /** Names and values, as they are sent. */
  lines?: string[];
}

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  /** Of a 200: the lines that the backend got. */
  saw: Record<string, string | string[]>;
  body: string;
}

export class Asker {
  readonly rig: Rig;
  #served = 0;

  private constructor(rig: Rig) {
    this.rig = rig;
  }

  static async over(site: string, options: RigOptions = {}): Promise<Asker> {
    return new Asker(await serveManifests(site, { echo: true, trustedHops: ['127.0.0.1/32'], ...options }));
  }

  async ask({ host = 'a.example', path = '/', method = 'GET', from = '192.0.2.1', ...more }: Asked = {}) {
    const { authorization, lines = [] } = more;
    const own = authorization === undefined ? [] : ['authorization', authorization];
    const headers = ['host', host, 'x-forwarded-for', from, ...own, ...lines];
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
      http
        .request({ port: this.rig.port(), host: '127.0.0.1', path, method, headers, agent: false }, resolve)
        .on('error', reject)
        .end(),
    );
    const body = await text(answer);
    const { headers: saw = {} } = answer.statusCode === 200 && body !== '' ? (JSON.parse(body) as Answer) : {};
    return { status: answer.statusCode!, headers: answer.headers, saw, body } as unknown as Answer;
  }

  /** With a route that is another each time: where nothing changes, nobody tells that it is served. */
  async serve(site: string): Promise<void> {
    const tick = httpRoute('tick', [backendRefs('web')], { hostnames: [`tick-${this.#served++}.example`] });
    await this.rig.write(`${site}---\n${stringify(tick)}`);
  }

  async status(asked?: Asked): Promise<number> {
    return (await this.ask(asked)).status;
  }
}

/** A provider of OpenID Connect, and a browser that signs in there: redirects, forms and cookies, and nothing else. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Provider, { type Configuration } from 'oidc-provider';
import { Authority } from '../tls/authority.ts';

export const CLIENT = { id: 'shop', secret: 'a secret with + and %' };

export class TestProvider {
  readonly authority: Authority;
  readonly asked: string[] = [];
  readonly #server: https.Server;
  /** Of who signs in. */
  claims: Record<string, unknown> = { email: 'alice@example.com', groups: ['staff', 'ops'] };
  answering = true;

  private constructor(authority: Authority, server: https.Server) {
    this.authority = authority;
    this.#server = server;
  }

  static async open(origins: string[], more: Configuration = {}): Promise<TestProvider> {
    const authority = await Authority.make('provider');
    const pair = await authority.sign({ name: 'localhost', dns: ['localhost'] });
    const server = https.createServer({ cert: pair.certificate, key: pair.privateKey });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new TestProvider(authority, server);
    const provider = new Provider(made.issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          redirect_uris: origins.map((origin) => `${origin}/oauth2/callback`),
          post_logout_redirect_uris: origins.map((origin) => `${origin}/`),
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
      claims: { openid: ['sub'], email: ['email'], profile: ['groups'] },
      conformIdTokenClaims: false,
      issueRefreshToken: () => true,
      pkce: { required: () => true },
      findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, ...made.claims }) }),
      cookies: { keys: ['key'] },
      ...more,
    });
    const serve = provider.callback();
    server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      made.asked.push(`${request.method} ${request.url!.split('?')[0]}`);
      if (made.answering) void serve(request, response);
      else response.writeHead(500).end();
    });
    return made;
  }

  get issuer(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  count(what: string): number {
    return this.asked.filter((one) => one === what).length;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export interface Page {
  url: string;
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export class Browser {
  /** By host. */
  readonly jars = new Map<string, Map<string, string>>();
  readonly visited: string[] = [];
  readonly #port: number;
  readonly #ca: string;

  /** Hosts but localhost are those of the gateway at this port. */
  constructor(port: number, ca: string) {
    this.#port = port;
    this.#ca = ca;
  }

  jar(host: string): Map<string, string> {
    let jar = this.jars.get(host);
    if (jar === undefined) this.jars.set(host, (jar = new Map()));
    return jar;
  }

  async request(
    url: string,
    more: { method?: string; headers?: http.OutgoingHttpHeaders; body?: string; port?: number } = {},
  ): Promise<Page> {
    const { host, hostname, pathname, search, port } = new URL(url);
    const provider = hostname === 'localhost';
    const jar = this.jar(host);
    const cookie = Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ');
    const headers = { host, accept: 'text/html', ...(cookie === '' ? {} : { cookie }), ...more.headers };
    const options = { host: '127.0.0.1', path: pathname + search, method: more.method ?? 'GET', headers, agent: false };
    const request = provider
      ? https.request({ ...options, port, ca: this.#ca, servername: 'localhost' })
      : http.request({ ...options, port: more.port ?? this.#port });
    this.visited.push(url);
    request.end(more.body);
    const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return { url, status: answer.statusCode!, headers: answer.headers, body: await text(answer) };
  }

  /** At the provider's own page, as from any other application. */
  async signOutAt(issuer: string): Promise<void> {
    const page = await this.request(`${issuer}/session/end`);
    const action = /action="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '';
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await this.request(action, { method: 'POST', headers, body: `xsrf=${xsrf}&logout=yes` });
  }

  /** Follows redirects, and signs in where it is asked to. `stop`: the page before which it stops. */
  async go(url: string, stop?: RegExp): Promise<Page> {
    let page = await this.request(url);
    for (let step = 0; step < 20; step++) {
      const { location } = page.headers;
      const form = /<form[^>]+action="([^"]+)"/.exec(page.body)?.[1];
      if (location !== undefined) {
        const next = new URL(location, page.url).href;
        if (stop?.test(next)) return page;
        page = await this.request(next);
      } else if (form !== undefined && page.url.includes('/interaction/')) {
        const prompt = page.body.includes('name="login"') ? 'prompt=login&login=alice&password=x' : 'prompt=consent';
        const headers = { 'content-type': 'application/x-www-form-urlencoded' };
        page = await this.request(new URL(form, page.url).href, { method: 'POST', headers, body: prompt });
      } else return page;
    }
    throw new Error(`it goes round: ${this.visited.slice(-6).join(' ')}`);
  }
}

/**
 * Expected answers to HTTP requests. The short form is one line:
 *
 *     [METHOD ][host]/path[ header=value]… > target
 *
 * where the target is a Pod (`[ns/]name`; v1, v2, v3 are the infra backends) that answers with 200 and sees the same
 * method, path and host, or one of several statuses (`404`, `500|503`).
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { type Answer, exchange } from './client.ts';
import type { Scene } from './scene.ts';
import { INFRA } from './scene.ts';

export interface Ask {
  /** The Gateway and its port, where not those of the case. */
  on?: string;
  port?: number;
  method?: string;
  path: string;
  host?: string;
  headers?: Record<string, string>;
  /** Name to ask for in the handshake, and the Secret of the client's certificate. */
  tls?: { name: string; client?: string };
  http2?: boolean;
  /** Statuses, 200 where there are none. */
  status?: number[];
  to?: string;
  /** What the Pod sees, where not what was sent. */
  arrives?: { path?: string; host?: string; headers?: Record<string, string>; absent?: string[]; tlsName?: string };
  /** Several values: any of them. Spaces after commas do not count. */
  response?: { headers?: Record<string, string | string[]>; absent?: string[] };
  /** Parts of Location that are not given must be those of the request. */
  redirect?: { scheme?: string; host?: string; port?: string; path?: string };
}

const HTTPS = 443;

export function readAsk(line: string): Ask {
  const [left, target] = line.split(' > ') as [string, string];
  const words = left.split(' ');
  const method = /^[A-Z]+$/.test(words[0]!) ? words.shift() : undefined;
  const [, host, path] = /^([^/]*)(\/.*)$/.exec(words.shift()!)!;
  const headers = Object.fromEntries(words.map((word) => word.split('=') as [string, string]));
  const ask = { path: path!, headers, ...(method ? { method } : {}), ...(host ? { host } : {}) };
  if (/^\d/.test(target)) return { ...ask, status: target.split('|').map(Number) };
  return { ...ask, to: /^v\d$/.test(target) ? `infra-backend-${target}` : target };
}

/** Sends the request and throws where the answer is not the expected one. */
export async function checkAsk(scene: Scene, gateway: string, ask: Ask): Promise<Answer> {
  const { tls } = ask;
  const place = scene.place(ask.on ?? gateway, ask.port ?? (tls ? HTTPS : 80));
  const client = tls?.client === undefined ? undefined : scene.material.pairs.get(`${INFRA}/${tls.client}`);
  const answer = await exchange({ ...ask, ...place, tls: tls && { name: tls.name, client } });
  const what = `${ask.method ?? 'GET'} ${ask.host ?? ''}${ask.path} answered ${answer.status} ${answer.body}`;
  ok((ask.status ?? [200]).includes(answer.status), `${what}, not ${(ask.status ?? [200]).join('|')}`);
  if (ask.to !== undefined) checkArrival(ask, ask.to, answer);
  for (const [name, value] of Object.entries(ask.response?.headers ?? {})) {
    const got = answer.headers[name.toLowerCase()]?.replaceAll(', ', ',');
    const wanted = (Array.isArray(value) ? value : [value]).map((one) => one.replaceAll(', ', ','));
    ok(got !== undefined && wanted.includes(got), `${what}: ${name} is ${got}, not ${wanted.join(' or ')}`);
  }
  for (const name of ask.response?.absent ?? []) {
    equal(answer.headers[name.toLowerCase()], undefined, `${what}: ${name} is there`);
  }
  if (ask.redirect) checkRedirect(ask, ask.redirect, { answer, address: place.address });
  return answer;
}

interface Echo {
  service: string;
  namespace: string;
  method: string;
  path: string;
  host: string;
  headers: Record<string, string>;
  tls?: { serverName?: string; client?: string };
}

export function echoOf({ body }: Answer): Echo {
  return JSON.parse(body) as Echo;
}

function checkArrival(ask: Ask, to: string, answer: Answer): void {
  const seen = echoOf(answer);
  const { arrives = {} } = ask;
  equal(`${seen.namespace}/${seen.service}`, to.includes('/') ? to : `${INFRA}/${to}`, ask.path);
  deepEqual({ method: seen.method, path: seen.path }, { method: ask.method ?? 'GET', path: arrives.path ?? ask.path });
  const host = arrives.host ?? ask.host;
  if (host !== undefined) equal(seen.host, host);
  for (const [name, value] of Object.entries(arrives.headers ?? {})) {
    equal(seen.headers[name.toLowerCase()]?.replaceAll(', ', ','), value, `${ask.path}: header ${name}`);
  }
  for (const name of arrives.absent ?? []) equal(seen.headers[name.toLowerCase()], undefined, `header ${name}`);
  if (arrives.tlsName !== undefined) equal(seen.tls?.serverName, arrives.tlsName);
}

function checkRedirect(
  ask: Ask,
  expected: NonNullable<Ask['redirect']>,
  { answer, address }: { answer: Answer; address: string },
): void {
  const location = new URL(answer.headers.location ?? '', 'relative://none');
  const scheme = ask.tls ? 'https' : 'http';
  deepEqual(
    {
      scheme: location.protocol.slice(0, -1),
      host: location.hostname,
      // URL leaves a scheme's own port out, as the suite does.
      port: location.port,
      path: location.pathname,
    },
    {
      scheme: expected.scheme ?? scheme,
      host: expected.host ?? ask.host ?? address,
      port: expected.port ?? '',
      path: expected.path ?? ask.path,
    },
    `${ask.path}: Location ${answer.headers.location}`,
  );
}

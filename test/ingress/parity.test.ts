/**
 * What the annotations of ingress-nginx did, by resources written by hand: recorded requests, and the recorded answers
 * of ingress-nginx 1.15.1. Where Daemun answers otherwise the case says so, and why.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HTTP, manifests, service, tlsSecret } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from '../tls/authority.ts';
import { RecordedBackends, type Sighting } from './backend.ts';
import { casesOf, type Expectation, families, hostOf, type ParityCase, type ParityRequest } from './case.ts';
import { type Certificates, type Entrance, type Reply, send } from './client.ts';
import { listenersOf, objectsOf, servicesOf } from './object.ts';

const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'site' }] } };
/** What an answer that was held back takes of the recorded time at least: a limit lets some through at once. */
const SLOW = 0.6;
/** Of recorded shares of backends: no more of all requests than this is chance. */
const CHANCE = 0.12;

describe.each(families())('%s', (family) => {
  const cases = casesOf(family);
  let backends: RecordedBackends;
  let rig: Rig;
  let certificates: Certificates;
  beforeAll(async () => {
    const { authority, ...others } = await clients();
    backends = await RecordedBackends.open(await authority.sign({ name: 'backend', dns: ['backend.example.test'] }));
    certificates = others;
    const pair = await (await Authority.make('golden')).sign({ name: 'site', dns: ['*.example.test'] });
    const shared = [...backends.services.map(service), tlsSecret('site', pair), tlsSecret('proxy-tls', others.client)];
    shared.push(caConfigMap('client-ca', authority));
    const site = manifests([HTTP, HTTPS, ...cases.flatMap(listenersOf)], ...shared, ...cases.flatMap(objectsOf));
    const own = cases.flatMap(servicesOf).map(({ name, of }) => backends.endpointsAs(name, of));
    rig = await serveManifests(site, { ports: [80, 443], endpoints: [...backends.endpoints, ...own] });
  });
  afterAll(async () => {
    await rig.close();
    backends.close();
  });

  test.each(cases.map((one) => [one.recorded, one.shows, one] as const))('%s: %s', async (_id, _shows, one) => {
    const ports = { http: rig.port(80), https: rig.port(443) };
    const entrance: Entrance = { host: hostOf(one), ports, jars: new Map(), certificates };
    for (const [at, request] of one.requests.entries()) {
      backends.sightings.length = 0;
      const begun = performance.now();
      const replies = await send(request, entrance);
      const seconds = (performance.now() - begun) / 1000;
      const what = `request ${at}: ${request.method ?? 'GET'} ${request.scheme ?? 'http'} ${request.path}`;
      compare(what, wanted(one, request), { replies, sightings: [...backends.sightings], seconds });
    }
  });
});

/** Who the recorded clients were, by an authority named as theirs. */
async function clients(): Promise<Certificates & { authority: Authority }> {
  const authority = await Authority.make('O=Golden,CN=Golden CA');
  return {
    authority,
    client: await authority.sign({ name: 'O=Golden,CN=good-client' }),
    'client-b': await authority.sign({ name: 'O=Golden,CN=other-client' }),
    deep: await (await authority.authority('O=Golden,CN=Golden Middle')).sign({ name: 'O=Golden,CN=deep-client' }),
    rogue: await (await Authority.make('Rogue CA')).sign({ name: 'O=Golden,CN=good-client' }),
  };
}

/** What is recorded, but for what the case says to differ. */
function wanted(one: ParityCase, { expect: recorded, differs, path, host }: ParityRequest): Expectation {
  const { why, ...other } = differs ?? { why: '' };
  expect(differs === undefined || why !== '', `${one.recorded}: differs without a reason`).toBe(true);
  const told: Expectation = { ...recorded, ...other };
  if (told.answered === undefined || differs?.answered === null) return told;
  return { uri: path, host: host ?? hostOf(one), ...told };
}

interface Answered {
  replies: Reply[];
  sightings: Sighting[];
  /** From the first request to the last answer. */
  seconds: number;
}

function compare(what: string, want: Expectation, { replies, sightings, seconds }: Answered): void {
  if (want.same_pod === true) expect(new Set(sightings.map(({ pod }) => pod)).size, `${what}: endpoints`).toBe(1);
  if (want.count_answered !== undefined) shares(what, want.count_answered, replies);
  if (want.seconds !== undefined) expect(seconds, `${what}: seconds`).toBeGreaterThan(want.seconds * SLOW);
  if (want.count_status !== undefined) return statuses(what, want.count_status, { replies, seconds });
  const reply = replies[0]!;
  expect(reply.status, `${what}: status`).toBe(want.status);
  expect(reply.answered, `${what}: who answered`).toBe(want.answered ?? undefined);
  for (const [name, value] of Object.entries(want.headers ?? {})) {
    const got = reply.headers[name];
    const list = Array.isArray(got) && !Array.isArray(value) ? got.join(', ') : (got ?? null);
    expect(anonymous(list), `${what}: ${name}`).toEqual(anonymous(value));
  }
  if (want.asked !== undefined) asked(what, want.asked, sightings);
  if (want.answered === undefined) return;
  const saw = sightings.findLast(({ backend }) => backend === want.answered);
  expect(saw?.uri, `${what}: what the backend was asked for`).toBe(want.uri);
  expect(saw?.headers.host, `${what}: Host`).toBe(want.host);
  if (want.tls !== undefined) expect(saw?.tls, `${what}: TLS`).toEqual(want.tls);
  for (const [name, value] of Object.entries(want.saw ?? {}))
    expect(saw?.headers[name] ?? null, `${what}: ${name}`).toEqual(value);
}

function asked(what: string, want: NonNullable<Expectation['asked']> | null, sightings: Sighting[]): void {
  const saw = sightings.find(({ backend }) => backend === 'auth');
  if (want === null) return expect(saw, `${what}: nobody is asked`).toBeUndefined();
  const { method = saw?.method, uri, host = saw?.headers.host } = want;
  expect([saw?.method, saw?.uri, saw?.headers.host], `${what}: what is asked`).toEqual([method, uri, host]);
  for (const [name, value] of Object.entries(want.saw ?? {}))
    expect(saw?.headers[name] ?? null, `${what}: ${name} of what is asked`).toEqual(value);
}

/** What stands in a cookie is nobody's business but its writer's, and blanks behind commas are nobody's. */
function anonymous<T>(value: T): T | string | unknown[] {
  // In which order cookies stand says nothing.
  if (Array.isArray(value)) return value.map((one) => anonymous(one)).sort();
  if (typeof value !== 'string') return value;
  return value.replace(/^(INGRESSCOOKIE|sid)=[^;]*/, '$1=…').replace(/, +/g, ',');
}

/** Of limits that were recorded for at most two a second: what more is let through while the requests take their time. */
const PER_SECOND = 2;

function statuses(
  what: string,
  want: Record<string, number>,
  { replies, seconds }: { replies: Reply[]; seconds: number },
) {
  const more = 1 + Math.ceil(seconds * PER_SECOND);
  for (const [status, count] of Object.entries(want)) {
    const got = replies.filter((reply) => reply.status === Number(status)).length;
    const [least, most] = status === '503' ? [count - more, count + 1] : [count - 1, count + more];
    const isIn = got >= least && got <= most;
    expect(isIn, `${what}: ${status} ${count} times, and not ${got}`).toBe(true);
  }
}

function shares(what: string, want: Record<string, number>, replies: Reply[]): void {
  for (const [name, count] of Object.entries(want)) {
    const got = replies.filter(({ answered }) => answered === name).length;
    const off = Math.abs(got - count) / replies.length;
    expect(off, `${what}: ${name} ${count} times, not ${got}`).toBeLessThanOrEqual(CHANCE);
  }
}

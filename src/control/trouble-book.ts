/** What data planes meet at endpoints while they serve: told in the log once a minute for each, and listed while it lasts. */
import type { Backend, Snapshot, Trouble } from '../config/index.ts';
import type { Log } from '../observe/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';

/** Milliseconds in which the same endpoint is told of once, whichever data planes meet it. */
export const TELL_INTERVAL = 55_000;
/** Milliseconds after which what nobody has told again is taken to be over: a data plane that ends says nothing. */
export const TROUBLE_LIFE = 150_000;
/** Endpoints that the log names within TELL_INTERVAL; all others are listed by `daemun status`. */
export const MAX_LOGGED = 20;

/**
 * What the data planes of one Gateway may say of endpoints and be remembered: more than they have, and little enough that
 * one that is not what it seems takes no memory from others.
 */
export const MAX_TOLD = 10_000;

/** What troubles are about: a Backend, or by its name (`Kind/namespace/name`) a policy with a store or a disk, or a Gateway. */
export type Subject = Backend | string;
const GATEWAY = 'Gateway/';

const WORDS: Readonly<Record<Trouble['what'], { said: string; wayOut: string }>> = {
  connect_refused: {
    said: 'refuses connections, or cannot be reached',
    wayOut: 'see that something listens there',
  },
  connect_timeout: { said: 'does not answer', wayOut: 'see that packets reach it, and come back' },
  tls_failed: {
    said: 'takes no TLS connection',
    wayOut: 'see that it speaks TLS, and the hostname and authorities of its BackendTLSPolicy',
  },
  invalid_answer: {
    said: 'gives answers that break HTTP, and they are refused',
    wayOut: 'see what it sends',
  },
  unhealthy: {
    said: 'fails its health check, and is used only where too few pass it',
    wayOut: 'see what it answers, and the healthCheck of its BackendTrafficPolicy',
  },
  unresolved: { said: 'does not resolve', wayOut: 'see the name, and the name server of this machine' },
  store_away: {
    said: 'is away, and limits are not shared meanwhile',
    wayOut: 'see that it runs and can be reached, and the Secret with its password',
  },
  sign_outs_away: {
    said: 'is away, and nobody is let in on a session meanwhile',
    wayOut: 'see that it runs and can be reached, and the Secret with its password',
  },
  disk_absent: {
    said: 'is not given to the data plane, and answers are kept in memory alone',
    wayOut: 'start it with --cache-path, or give the DaemunParameters of its Gateway a cache',
  },
  descriptors_short: {
    said: 'turns clients away, since its process has no descriptors left for them',
    wayOut: 'raise its limit of open files (ulimit -n, LimitNOFILE= of its unit), or run more workers or replicas',
  },
};

/** What is of policies or Gateways, and not of endpoints. */
const OF_OBJECTS: ReadonlySet<Trouble['what']> = new Set([
  'store_away',
  'sign_outs_away',
  'disk_absent',
  'descriptors_short',
]);

const NOUNS: Partial<Record<Trouble['what'], string>> = {
  unresolved: 'name',
  store_away: 'store of shared limits',
  sign_outs_away: 'store of sign-outs',
  disk_absent: 'disk for answers',
  descriptors_short: 'port',
};
/** Null: nobody has asked for a while, and that is all that is known. It is logged once. */
const OVER: Readonly<Record<Trouble['what'], string | null>> = {
  connect_refused: 'endpoint takes connections again',
  connect_timeout: 'endpoint takes connections again',
  tls_failed: 'endpoint takes connections again',
  invalid_answer: 'endpoint has given no answer for a while that breaks HTTP',
  unhealthy: 'endpoint passes its health check again',
  unresolved: 'name resolves again',
  store_away: 'store of shared limits is there again',
  sign_outs_away: 'store of sign-outs is there again',
  disk_absent: null,
  descriptors_short: 'port has turned no client away for a while',
};

interface Met {
  subject: Subject;
  endpoint: string;
  what: Trouble['what'];
  detail?: string | undefined;
  /** Of each data plane: how often within a minute, and when it said so. */
  by: Map<string, { count: number; at: number }>;
  loggedAt: number;
  /** Not in the log yet. */
  unlogged: number;
}

export class TroubleBook {
  readonly #met = new Map<string, Met>();
  /** How much is remembered of each Gateway's data planes. */
  readonly #told = new Map<string, number>();
  readonly #log: Log;
  /** What is logged once, for as long as its policy is there. */
  readonly #loggedOnce = new Set<string>();
  #logged = { since: Number.NEGATIVE_INFINITY, lines: 0 };

  constructor(log: Log) {
    this.#log = log;
  }

  /** `subjectOf`: what is served; of anything else nothing is believed. */
  take(proxy: string, troubles: ReadonlyArray<Trouble>, subjectOf: (key: string) => Subject | undefined): void {
    const now = performance.now();
    for (const id of this.#loggedOnce) {
      if (subjectOf(id.slice(0, id.indexOf(' '))) === undefined) this.#loggedOnce.delete(id);
    }
    for (const { key, endpoint, what, detail, count } of troubles) {
      const subject = subjectOf(key);
      if (subject === undefined || !Object.hasOwn(WORDS, what)) continue;
      if ((typeof subject === 'string') !== OF_OBJECTS.has(what)) continue;
      if (isGateway(subject) !== (what === 'descriptors_short')) continue;
      const id = `${key} ${endpoint}`;
      if (count > 0) this.#begun(id, { proxy, now, count, subject, endpoint, what, detail });
      else this.#over(id, proxy);
    }
    for (const [id, { by }] of this.#met) {
      for (const [name, { at }] of by) if (now - at > TROUBLE_LIFE) this.#forget(by, name);
      if (by.size === 0) this.#met.delete(id);
    }
  }

  /** What lasts. */
  findings(): Finding[] {
    const now = performance.now();
    return [...this.#met.values()].flatMap(({ subject, endpoint, what, detail, by }): Finding[] => {
      const lasting = [...by.values()].filter(({ at }) => now - at <= TROUBLE_LIFE);
      if (lasting.length === 0) return [];
      const times = lasting.reduce((sum, { count }) => sum + count, 0);
      const { said, wayOut } = WORDS[what];
      const message = `${who(subject, endpoint, what)} ${said} (${because(detail)}${often(times)} within a minute): ${wayOut}`;
      return [{ severity: 'warning', object: objectOf(subject), field: '', message }];
    });
  }

  #begun(
    id: string,
    {
      proxy,
      now,
      count,
      ...about
    }: Pick<Met, 'subject' | 'endpoint' | 'what' | 'detail'> & {
      proxy: string;
      now: number;
      count: number;
    },
  ): void {
    let met = this.#met.get(id);
    if (!met?.by.has(proxy) && !this.#remember(proxy)) return;
    if (met === undefined) {
      met = { ...about, by: new Map(), loggedAt: Number.NEGATIVE_INFINITY, unlogged: 0 };
      this.#met.set(id, met);
    }
    Object.assign(met, about);
    met.by.set(proxy, { count, at: now });
    met.unlogged += count;
    if (now - met.loggedAt < TELL_INTERVAL || this.#isLoggedOnce(id, met.what)) return;
    this.#record(met);
    met.loggedAt = now;
    met.unlogged = 0;
  }

  #over(id: string, proxy: string): void {
    const met = this.#met.get(id);
    if (met === undefined || !this.#forget(met.by, proxy) || met.by.size > 0) return;
    this.#met.delete(id);
    const { subject, endpoint, what } = met;
    const told = OVER[what];
    if (told !== null) this.#log.info({ ...logged(subject), endpoint }, told);
  }

  /** What is as it was started is logged once for each policy, and anew for one that was gone. */
  #isLoggedOnce(id: string, what: Trouble['what']): boolean {
    if (OVER[what] !== null) return false;
    if (this.#loggedOnce.has(id)) return true;
    if (this.#loggedOnce.size >= MAX_TOLD) this.#loggedOnce.clear();
    this.#loggedOnce.add(id);
    return false;
  }

  #remember(proxy: string): boolean {
    const gateway = gatewayOf(proxy);
    const told = this.#told.get(gateway) ?? 0;
    if (told >= MAX_TOLD) return false;
    this.#told.set(gateway, told + 1);
    return true;
  }

  #forget(by: Met['by'], proxy: string): boolean {
    if (!by.delete(proxy)) return false;
    const gateway = gatewayOf(proxy);
    const told = this.#told.get(gateway)! - 1;
    if (told > 0) this.#told.set(gateway, told);
    else this.#told.delete(gateway);
    return true;
  }

  #record({ subject, endpoint, what, detail, unlogged }: Met): void {
    const now = performance.now();
    if (now - this.#logged.since > TELL_INTERVAL) this.#logged = { since: now, lines: 0 };
    this.#logged.lines++;
    if (this.#logged.lines > MAX_LOGGED + 1) return;
    if (this.#logged.lines > MAX_LOGGED) {
      this.#log.warn({}, 'more endpoints take no connections; `daemun status` lists them all');
      return;
    }
    const about = {
      ...logged(subject),
      endpoint,
      reason: what,
      ...(detail === undefined ? {} : { detail }),
      count: unlogged,
    };
    const { said, wayOut } = WORDS[what];
    this.#log.warn(about, `${NOUNS[what] ?? 'endpoint'} ${said}: ${wayOut}`);
  }
}

/** Of a name as `ackKey` makes it. */
function gatewayOf(proxy: string): string {
  return proxy.slice(0, Math.max(proxy.indexOf('>'), 0));
}

/** What a snapshot has under this key: a Backend, a policy that acts there, or of a Listener its Gateway. */
export function subjectIn(snapshot: Snapshot, key: string): Subject | undefined {
  const backend = snapshot.get('Backend', key);
  if (backend !== undefined) return backend;
  const listener = snapshot.get('Listener', key);
  if (listener !== undefined) return `Gateway/${listener.gateway}`;
  for (const policy of snapshot.of('Policy').values()) {
    const { type } = policy;
    if (
      (type === 'RateLimit' || type === 'Authentication' || type === 'Cache') &&
      policy.spec.acts.some(({ source }) => source === key)
    )
      return key;
  }
  return undefined;
}

function isGateway(subject: Subject): boolean {
  return typeof subject === 'string' && subject.startsWith(GATEWAY);
}

function logged(subject: Subject): Record<string, string | number> {
  if (typeof subject === 'string') {
    return isGateway(subject) ? { gateway: subject.slice(GATEWAY.length) } : { policy: subject };
  }
  const { namespace, name, port } = subject.service;
  return { service: `${namespace}/${name}`, port };
}

function objectOf(subject: Subject): string {
  if (typeof subject === 'string') return subject;
  return `Service/${subject.service.namespace}/${subject.service.name}`;
}

function who(subject: Subject, endpoint: string, what: Trouble['what']): string {
  if (typeof subject === 'string') {
    if (isGateway(subject)) return `port ${endpoint}`;
    return what === 'disk_absent' ? endpoint : `the store ${endpoint}`;
  }
  return what === 'unresolved' ? `the name ${endpoint}` : `endpoint ${endpoint} of port ${subject.service.port}`;
}

function because(detail: string | undefined): string {
  return detail === undefined ? '' : `${detail}, `;
}

function often(times: number): string {
  return times === 1 ? 'once' : `${times} times`;
}

/**
 * Answers of backends that are kept and given again (RFC 9111). It is the innermost filter: whoever may not ask is refused
 * before, and what other filters make of an answer they make of a kept one, too.
 */
import type { Acting, CacheSettings } from '../../../config/index.ts';
import { fieldHash } from '../../ground/head.ts';
import type {
  AnswerStore,
  ComingAnswer,
  DecisionCounter,
  Fetch,
  PolicyState,
  StoredAnswer,
} from '../../state/index.ts';
import {
  ANSWERED,
  type AnswerScope,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type KeptAnswer,
  type KeptState,
  LATER,
  slot,
  type Verdict,
} from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import { IDENTITY } from '../identity.ts';
import {
  bypassOf,
  type Condition,
  conditionOf,
  hasAlready,
  hostOf,
  isImitated,
  isSafe,
  linesOf,
  suits,
  targetOf,
  type Wishes,
  wishesOf,
} from './cached-request.ts';
import { type ChangedPlace, changedBy, placesOf } from './changed-place.ts';
import { Recorder } from './recorder.ts';
import { keptOf, refreshed } from './storing.ts';

/** Milliseconds that a request waits for another one that asks for the same. */
export const COLLAPSE_TIMEOUT = 5_000;
/** Milliseconds for which it is remembered that an answer is not to be kept, so that nobody waits for the next. */
export const PASS_TIME = 10_000;

export function cacheFilters(
  act: Acting<CacheSettings>,
  settings: CacheSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new CacheFilter(act, settings, state)];
}

/** What becomes of one request. */
type Course =
  /** The backend is asked; `changed`: of a request that may change something, what is then not as it is kept. */
  | { type: 'pass'; status: string; changed: ChangedPlace | null }
  /** It was answered. */
  | { type: 'hit'; status: string }
  | Fetching;

interface Fetching extends ComingAnswer {
  type: 'fetch';
  request: Record<string, string>;
  condition: Condition | null;
  /** Kept, and asked about. */
  stale: StoredAnswer | undefined;
  /** It is the one that asks for all, and has not told them. */
  fetch: Fetch | null;
  status: string;
}

class CacheFilter implements CompiledFilter {
  readonly type = 'Cache';
  readonly step = 'cache';
  readonly yields: boolean;
  readonly #settings: CacheSettings;
  readonly #store: AnswerStore;
  readonly #source: string;
  readonly #state: PolicyState;
  readonly #prefix: string;
  readonly #keyHeaders: ReadonlyArray<readonly [name: string, hash: number]>;
  readonly #course = slot<Course>('cache');
  readonly #told: Readonly<Record<'hit' | 'stale' | 'miss' | 'pass', DecisionCounter>>;

  constructor({ source, holds }: Acting<CacheSettings>, settings: CacheSettings, state: PolicyState) {
    this.yields = holds === 'Default';
    this.#settings = settings;
    this.#state = state;
    this.#store = state.answers.of(source);
    this.#source = source;
    this.#prefix = `${holds} ${settings.generation}`;
    this.#keyHeaders = settings.keyHeaders.map((name) => [name, fieldHash(name)]);
    const { counts } = state;
    this.#told = {
      hit: counts.counter(source, '', 'cache-hit'),
      stale: counts.counter(source, '', 'cache-stale'),
      miss: counts.counter(source, '', 'cache-miss'),
      pass: counts.counter(source, '', 'cache-bypass'),
    };
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    const why = bypassOf(head);
    if (why === 'method') return this.#pass(scope, 'fwd=method', isSafe(head.method()) ? null : changedBy(scope));
    if (why === 'bypass' || this.#keyHeaders.some(([name]) => isImitated(head, name))) {
      return this.#pass(scope, 'fwd=bypass');
    }
    const target = targetOf(head);
    const host = hostOf(scope);
    const key = this.#keyOf(scope, host, target);
    const wishes = wishesOf(head);
    if (wishes?.noStore) return this.#pass(scope, 'fwd=request');
    const now = performance.now();
    const personal = isPersonal(scope);
    const found = this.#store.variants(key).find((one) => (one.shared || !personal) && suits(one, head));
    if (found !== undefined && isFresh(found, wishes, now)) return this.#give(scope, found, { wishes: 'fresh', now });
    if (wishes?.onlyIfCached) return this.#refuse(scope);
    if (head.method() !== 'GET') return this.#pass(scope, found === undefined ? 'fwd=uri-miss' : 'fwd=stale');
    return this.#ask(scope, { key, host, target, found, wishes, now, personal });
  }

  #keyOf(scope: FilterScope, host: string, target: string): string {
    const { head, listener, route, client } = scope;
    let key = `${this.#prefix} ${listener} ${route} ${client.tls === undefined ? 'http' : 'https'}://${host} ${target}`;
    for (const [name, hash] of this.#keyHeaders) {
      key += `\n${name}:`;
      for (let at = head.find(name, hash); at >= 0; at = head.find(name, hash, at + 1)) key += `${head.value(at)}\n`;
    }
    return key;
  }

  #pass(scope: FilterScope, status: string, changed: ChangedPlace | null = null): Verdict {
    scope.tell(this.#told.pass);
    scope.keep(this.#course, { type: 'pass', status, changed });
    return CONTINUE;
  }

  #refuse(scope: FilterScope): Verdict {
    scope.keep(this.#course, { type: 'hit', status: 'fwd=request' });
    scope.deny({ status: 504, reason: 'not_cached', message: 'Nothing is kept of this, and nobody was to be asked.' });
    return ANSWERED;
  }

  // ── what is kept

  #give(scope: FilterScope, found: StoredAnswer, { wishes, now }: { wishes: 'fresh' | 'stale'; now: number }): Verdict {
    scope.tell(wishes === 'fresh' ? this.#told.hit : this.#told.stale);
    const status = `hit; ttl=${Math.floor((found.freshUntil - now) / 1_000)}`;
    scope.keep(this.#course, { type: 'hit', status });
    scope.respondKept(answerOf(found, conditionOf(scope.head), now));
    return ANSWERED;
  }

  // ── the backend is asked

  #ask(scope: FilterScope, about: Asked): Verdict {
    const { key, host, target, found, wishes, now, personal } = about;
    const other = this.#store.fetches.get(key);
    // One asks, and all others have what is there meanwhile.
    if (other !== undefined && found !== undefined && !wishes && found.whileRevalidatedUntil > now) {
      return this.#give(scope, found, { wishes: 'stale', now });
    }
    const request = linesOf(scope.head);
    const condition = conditionOf(scope.head);
    const status = wishes?.noCache ? 'fwd=request' : found === undefined ? 'fwd=uri-miss' : 'fwd=stale';
    if (personal) request.authorization ??= '-';
    const fetching: Fetching = {
      type: 'fetch',
      key,
      host,
      target,
      void: false,
      request,
      condition,
      stale: found,
      fetch: null,
      status,
    };
    const passed = personal || this.#store.isPassed(key, now);
    if (other === undefined || wishes !== null || passed) {
      this.#fetch(scope, fetching, other === undefined && !passed);
      return CONTINUE;
    }
    return this.#wait(scope, fetching, other);
  }

  #fetch(scope: FilterScope, fetching: Fetching, forAll: boolean): void {
    scope.tell(this.#told.miss);
    this.#store.begin(fetching);
    if (forAll) {
      fetching.fetch = { waiting: [] };
      this.#store.fetches.set(fetching.key, fetching.fetch);
    }
    scope.keep(this.#course, fetching);
    // Of what is not kept the backend judges itself what the client has.
    if (forAll || fetching.stale !== undefined) scope.patchRequest(conditions(fetching.stale));
  }

  #wait(scope: FilterScope, fetching: Fetching, other: Fetch): Verdict {
    const waiting = scope.wait(COLLAPSE_TIMEOUT + 1_000);
    let timer: NodeJS.Timeout | undefined;
    const goOn = (): void => {
      clearTimeout(timer);
      if (ended.over) return;
      const now = performance.now();
      const found = this.#store.variants(fetching.key).find((one) => isFor(one, fetching.request));
      if (found !== undefined && found.freshUntil > now) {
        scope.tell(this.#told.hit);
        const status = `hit; ttl=${Math.floor((found.freshUntil - now) / 1_000)}; collapsed`;
        scope.keep(this.#course, { type: 'hit', status });
        return waiting.respondKept(answerOf(found, fetching.condition, now));
      }
      fetching.stale = found;
      this.#fetch(scope, fetching, !this.#store.fetches.has(fetching.key) && !this.#store.isPassed(fetching.key, now));
      waiting.proceed();
    };
    const ended: Ended = { over: false, end: () => clearTimeout(timer) };
    scope.keep(this.#ended, ended);
    other.waiting.push(goOn);
    timer = setTimeout(goOn, COLLAPSE_TIMEOUT);
    return LATER;
  }

  readonly #ended = slot<Ended>('cache waits');

  // ── the answer

  onResponseHead(scope: KeptState, answer: AnswerScope): Verdict {
    const course = scope.kept(this.#course);
    if (course === undefined) return CONTINUE;
    if (course.type !== 'fetch') {
      if (course.type === 'pass' && course.changed !== null) this.#invalidate(course.changed, answer);
      answer.patch(statusPatch(course.status));
      return CONTINUE;
    }
    const now = performance.now();
    const { stale } = course;
    const isError = answer.local || answer.status >= 500;
    if (isError && stale !== undefined && stale.ifErrorUntil > now) {
      this.#release(course);
      return this.#giveInstead(scope, answer, { course, stored: stale, now, status: 'hit; detail=stale-if-error' });
    }
    if (answer.local) {
      this.#release(course);
      return CONTINUE;
    }
    const came = { status: answer.status, pairs: answer.lasting(), request: course.request, now };
    if (answer.status === 304 && stale !== undefined) return this.#refresh(scope, answer, { course, stale, came });
    this.#keep(course, answer, came);
    return CONTINUE;
  }

  /** A request changed something (RFC 9111 4.4), as all workers are told: what it was sent to, and what is named besides. */
  #invalidate(changed: ChangedPlace, answer: AnswerScope): void {
    if (answer.local || answer.status < 200 || answer.status >= 400) return;
    const named = [answer.value('location'), answer.value('content-location')];
    for (const place of placesOf(changed, named)) this.#state.answers.invalidate(this.#source, place);
  }

  /** The backend says that what is kept is as it was. */
  #refresh(
    scope: KeptState,
    answer: AnswerScope,
    { course, stale, came }: { course: Fetching; stale: StoredAnswer; came: Parameters<typeof keptOf>[0] },
  ): Verdict {
    const stored = refreshed(stale, came, this.#settings);
    if (stored !== undefined) this.#put(course, stored);
    else this.#store.remove(course.key);
    this.#release(course);
    const status = `${course.status}; fwd-status=304`;
    return this.#giveInstead(scope, answer, { course, stored: stored ?? stale, now: came.now, status });
  }

  #giveInstead(
    scope: KeptState,
    answer: AnswerScope,
    { course, stored, now, status }: { course: Fetching; stored: StoredAnswer; now: number; status: string },
  ): Verdict {
    scope.keep(this.#course, { type: 'hit', status });
    const kept = answerOf(stored, course.condition, now);
    // The filter that replaces an answer is not asked about what it put there.
    answer.respondKept({ ...kept, lines: `${kept.lines}Cache-Status: daemun; ${status}\r\n` });
    return ANSWERED;
  }

  #keep(course: Fetching, answer: AnswerScope, came: Parameters<typeof keptOf>[0]): void {
    const length = answer.value('content-length');
    const most = this.#settings.maxObjectBytes;
    const fits = length === undefined || Number(length) <= most;
    const kept = fits && answer.body !== 'UntilClosed' ? keptOf(came, this.#settings) : undefined;
    answer.patch(statusPatch(`${course.status}${kept === undefined ? '' : '; stored'}`));
    if (kept === undefined) {
      this.#store.pass(course.key, came.now + PASS_TIME);
      return this.#release(course);
    }
    const done = (body: Buffer | null): void => {
      if (body !== null) this.#put(course, { ...kept, body });
      this.#release(course);
    };
    if (answer.body === 'None') return done(Buffer.alloc(0));
    answer.paceBody(
      (out) => new Recorder(out, { most, length: length === undefined ? undefined : Number(length), done }),
    );
  }

  #put(course: Fetching, answer: StoredAnswer): void {
    if (course.void) return;
    this.#store.put(course, answer, this.#settings.maxBytes);
    this.#state.answers.bound();
  }

  onEnd(scope: KeptState): void {
    const ended = scope.kept(this.#ended);
    if (ended !== undefined) {
      ended.over = true;
      ended.end();
    }
    const course = scope.kept(this.#course);
    if (course?.type === 'fetch') this.#release(course);
  }

  /** Those that wait look again. */
  #release(course: Fetching): void {
    const { fetch, key } = course;
    this.#store.end(course);
    if (fetch === null) return;
    course.fetch = null;
    if (this.#store.fetches.get(key) === fetch) this.#store.fetches.delete(key);
    for (const goOn of fetch.waiting.splice(0)) goOn();
  }
}

interface Asked {
  key: string;
  host: string;
  target: string;
  found: StoredAnswer | undefined;
  wishes: Wishes | null;
  now: number;
  personal: boolean;
}

/** It is known who asks, or filters told the backend something of this request: its answer may be for him alone. */
function isPersonal(scope: FilterScope): boolean {
  return (
    scope.head.find('authorization', AUTHORIZATION) >= 0 ||
    scope.kept(IDENTITY) !== undefined ||
    !scope.requestPatch.isEmpty
  );
}

const AUTHORIZATION = fieldHash('authorization');

interface Ended {
  over: boolean;
  end(): void;
}

function isFresh(answer: StoredAnswer, wishes: Wishes | null, now: number): boolean {
  if (answer.freshUntil <= now) return false;
  if (wishes === null) return true;
  const age = answer.age + (now - answer.storedAt) / 1_000;
  return !wishes.noCache && age <= wishes.maxAge && answer.freshUntil - wishes.minFresh * 1_000 > now;
}

function isFor({ vary }: StoredAnswer, request: Record<string, string>): boolean {
  return vary.every(([name, value]) => (request[name] ?? '') === value);
}

/** What is kept, or 304 where the client has it. */
function answerOf(stored: StoredAnswer, condition: Condition | null, now: number): KeptAnswer {
  const age = `Age: ${Math.max(0, Math.floor(stored.age + (now - stored.storedAt) / 1_000))}\r\n`;
  const { status, lines, body } = stored;
  if (condition === null || !hasAlready(condition, stored)) return { status, lines: lines + age, body };
  const bare = lines.replace(/^content-(?:type|encoding|language|range):[^\r]*\r\n/gim, '');
  return { status: 304, lines: bare + age, body: Buffer.alloc(0) };
}

/** What the client has is no matter for the backend: what it answers is for others, too. */
function conditions(stale: StoredAnswer | undefined): HeaderPatch {
  const lines: Array<{ name: string; value: string }> = [];
  if (stale?.etag !== undefined) lines.push({ name: 'If-None-Match', value: stale.etag });
  else if (stale?.lastModified !== undefined) lines.push({ name: 'If-Modified-Since', value: stale.lastModified });
  return new HeaderPatch(CONDITIONS, lines);
}

const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);

function statusPatch(status: string): HeaderPatch {
  return HeaderPatch.adding([{ name: 'Cache-Status', value: `daemun; ${status}` }]);
}

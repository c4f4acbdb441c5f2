/**
 * Answers of backends that are kept and given again (RFC 9111). It is the innermost filter: whoever may not ask is refused
 * before, and what other filters make of an answer they make of a kept one, too.
 */
import type { Acting, CacheSettings } from '../../../config/index.ts';
import { type AnswerDisk, type FoundAnswer, MAX_WHOLE_BODY } from '../../disk/index.ts';
import { fieldHash } from '../../ground/head.ts';
import type {
  AnswerStore,
  ComingAnswer,
  DecisionCounter,
  Fetch,
  GoOn,
  PolicyState,
  StoredAnswer,
} from '../../state/index.ts';
import {
  ANSWERED,
  type AnswerScope,
  type BodySource,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  FILTER_TIMEOUT,
  type FilterScope,
  type KeptState,
  LATER,
  slot,
  type Verdict,
  type Waiting,
} from '../filter.ts';
import {
  bypassOf,
  type Condition,
  conditionOf,
  hostOf,
  isImitated,
  isSafe,
  suits,
  wishesOf,
  writtenHostOf,
} from './cached-request.ts';
import { type ChangedPlace, changedBy, placesOf } from './changed-place.ts';
import { CollapsedFetch, MAX_COLLAPSE_WAIT } from './collapsed-fetch.ts';
import { type Asked, type Course, type Fetching, fetchingOf, isPersonal } from './course.ts';
import { answerOf, conditions, isFor, isFresh, statusPatch } from './kept-answer.ts';
import { Recorder } from './recorder.ts';
import { keptOf, refreshed } from './storing.ts';
import { hopClaims } from './told-lines.ts';

/** Milliseconds that a request waits for a disk. */
export const DISK_TIMEOUT = 500;
/** Milliseconds for which it is remembered that an answer is not to be kept, so that nobody waits for the next. */
export const PASS_TIME = 10_000;

export function cacheFilters(
  act: Acting<CacheSettings>,
  settings: CacheSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new CacheFilter(act, settings, state)];
}

class CacheFilter implements CompiledFilter {
  readonly type = 'Cache';
  readonly step = 'cache';
  readonly yields: boolean;
  readonly #settings: CacheSettings;
  readonly #store: AnswerStore;
  readonly #source: string;
  /** Null: this policy keeps nothing there. */
  readonly #disk: AnswerDisk | null;
  readonly #state: PolicyState;
  readonly #prefix: string;
  readonly #keyHeaders: ReadonlyArray<readonly [name: string, hash: number]>;
  readonly #course = slot<Course>('cache');
  readonly #told: Readonly<Record<'hit' | 'stale' | 'miss' | 'late' | 'pass', DecisionCounter>>;

  constructor({ source, holds }: Acting<CacheSettings>, settings: CacheSettings, state: PolicyState) {
    this.yields = holds === 'Default';
    this.#settings = settings;
    this.#state = state;
    this.#store = state.answers.of(source);
    this.#source = source;
    this.#disk = settings.maxDiskBytes === undefined ? null : state.answers.disk;
    if (settings.maxDiskBytes === undefined) state.wantNoDisk(source);
    this.#prefix = `${holds} ${settings.generation}`;
    this.#keyHeaders = settings.keyHeaders.map((name) => [name, fieldHash(name)]);
    const { counts } = state;
    this.#told = {
      hit: counts.counter(source, '', 'cache-hit'),
      stale: counts.counter(source, '', 'cache-stale'),
      miss: counts.counter(source, '', 'cache-miss'),
      late: counts.counter(source, '', 'cache-late'),
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
    const target = head.target();
    const host = hostOf(scope);
    const written = writtenHostOf(head);
    const lower = written.toLowerCase();
    const key = this.#keyOf(scope, lower, target);
    const wishes = wishesOf(head);
    if (wishes?.noStore) return this.#pass(scope, 'fwd=request');
    const now = performance.now();
    const personal = isPersonal(scope);
    const found = this.#store.variants(key).find((one) => (one.shared || !personal) && suits(one, scope));
    if (found !== undefined && isFresh(found, wishes, now)) return this.#give(scope, found, { wishes: 'fresh', now });
    const odd = written !== lower;
    const asked = { key, host, target, found, wishes, now, personal, odd };
    if (this.#disk !== null && head.method() === 'GET' && !wishes?.noCache)
      return this.#lookUp(scope, this.#disk, asked);
    if (wishes?.onlyIfCached) return this.#refuse(scope);
    if (head.method() !== 'GET') return this.#pass(scope, found === undefined ? 'fwd=uri-miss' : 'fwd=stale');
    return this.#ask(scope, asked);
  }

  #keyOf(scope: FilterScope, written: string, target: string): string {
    const { head, listener, route, client } = scope;
    const scheme = client.tls === undefined ? 'http' : 'https';
    let key = `${this.#prefix} ${listener} ${route} ${scheme}://${written} ${target}${hopClaims(scope)}`;
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
    scope.deny(NOT_CACHED);
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
    const { key, found, wishes, now, personal, odd } = about;
    const other = this.#store.fetches.get(key);
    // One asks, and all others have what is there meanwhile.
    if (other !== undefined && found !== undefined && !wishes && found.whileRevalidatedUntil > now) {
      return this.#give(scope, found, { wishes: 'stale', now });
    }
    const fetching = fetchingOf(scope, about);
    const passed = personal || odd || this.#store.isPassed(key, now);
    if (other === undefined || wishes !== null || passed) {
      this.#fetch(scope, fetching, other === undefined && !passed ? new CollapsedFetch() : null);
      return CONTINUE;
    }
    this.#join(this.#hold(scope), fetching, other);
    return LATER;
  }

  /** `forAll`: who waits, or may come to wait, for its answer. */
  #fetch(scope: FilterScope, fetching: Fetching, forAll: Fetch | null): void {
    scope.tell(fetching.late ? this.#told.late : this.#told.miss);
    this.#store.begin(fetching);
    if (forAll !== null) {
      fetching.fetch = forAll;
      forAll.asks();
      this.#store.fetches.set(fetching.key, forAll);
    }
    scope.keep(this.#course, fetching);
    // Of what is not kept the backend judges itself what the client has.
    if (forAll !== null || fetching.stale !== undefined) scope.patchRequest(conditions(fetching.stale));
  }

  /** The request waits, until it has ended. */
  #hold(scope: FilterScope): Held {
    // It is never this that ends it: a disk and others that ask have times of their own.
    const waiting = scope.wait(DISK_TIMEOUT + MAX_COLLAPSE_WAIT + FILTER_TIMEOUT);
    const held: Held = { scope, waiting, timer: undefined, over: false };
    scope.keep(this.#held, held);
    return held;
  }

  readonly #held = slot<Held>('cache waits');

  /** Until the other one has it, or for long enough. */
  #join(held: Held, fetching: Fetching, other: Fetch): void {
    const { key, condition } = fetching;
    const goOn: GoOn = (why) => {
      if (held.over) return false;
      const now = performance.now();
      const stored = this.#store.variants(key).find((one) => isFor(one, fetching));
      if (stored !== undefined && stored.freshUntil > now) {
        held.scope.tell(this.#told.hit);
        this.#giveLater(held, { stored, condition, now, detail: '; collapsed' });
        return false;
      }
      const next = this.#store.fetches.get(key);
      if (why === 'left' && next !== undefined) {
        next.wait(goOn);
        return false;
      }
      fetching.stale = stored;
      const first = next === undefined && !this.#store.isPassed(key, now);
      // It asks as well, for all that wait there.
      const forAll = why === 'long' ? (next ?? null) : null;
      this.#fetch(held.scope, fetching, first ? new CollapsedFetch() : forAll);
      this.#end(held);
      held.waiting.proceed();
      return true;
    };
    held.timer = setTimeout(() => {
      fetching.late = true;
      goOn('long');
    }, MAX_COLLAPSE_WAIT);
    other.wait(goOn);
  }

  #end(held: Held): void {
    held.over = true;
    clearTimeout(held.timer);
  }

  #giveLater(held: Held, { stored, source, condition, now, detail }: GivenLater): void {
    const { scope, waiting } = held;
    this.#end(held);
    const status = `hit; ttl=${Math.floor((stored.freshUntil - now) / 1_000)}${detail}`;
    scope.keep(this.#course, { type: 'hit', status });
    waiting.respondKept(answerOf({ ...stored, source }, condition, now));
  }

  // ── the disk

  /** What is not in memory may be there; one that does not answer in time is as good as one that has nothing. */
  #lookUp(scope: FilterScope, disk: AnswerDisk, about: Asked): Verdict {
    const fetching = fetchingOf(scope, about);
    const { key, host, target, personal } = about;
    const held = this.#hold(scope);
    held.fetching = fetching;
    // A purge is told to it as to whoever fetches.
    this.#store.begin(fetching);
    let decided = false;
    const decide = (found: FoundAnswer | null): void => {
      clearTimeout(held.timer);
      if (held.over || decided) return;
      decided = true;
      this.#store.end(fetching);
      const usable = found !== null && !fetching.void && (found.answer.shared || !personal);
      fetching.void = false;
      this.#decideLater(held, fetching, {
        about,
        found: usable && isFor(found.answer, fetching) ? found : null,
      });
    };
    held.timer = setTimeout(() => decide(null), DISK_TIMEOUT);
    void disk
      .read({ source: this.#source, key, host, target }, (name) => fetching.request[name] ?? '')
      .then(decide)
      .catch(() => held.waiting.proceed());
    return LATER;
  }

  #decideLater(held: Held, fetching: Fetching, { about, found }: { about: Asked; found: FoundAnswer | null }): void {
    const { scope, waiting } = held;
    const { key, wishes, personal, odd } = about;
    const { condition } = fetching;
    const now = performance.now();
    if (found !== null && isFresh(found.answer, wishes, now)) {
      if (found.source === null) this.#remember(fetching, found.answer);
      scope.tell(this.#told.hit);
      const { answer: stored, source } = found;
      return this.#giveLater(held, { stored, source, condition, now, detail: '; detail=disk' });
    }
    if (wishes?.onlyIfCached) {
      scope.keep(this.#course, { type: 'hit', status: 'fwd=request' });
      return waiting.deny(NOT_CACHED);
    }
    // What is read while it is sent is not asked about: nobody would have its body when it is as it was.
    if (found?.source === null) fetching.stale ??= found.answer;
    const other = this.#store.fetches.get(key);
    const passed = personal || odd || this.#store.isPassed(key, now);
    if (other === undefined || wishes !== null || passed) {
      this.#fetch(scope, fetching, other === undefined && !passed ? new CollapsedFetch() : null);
      return waiting.proceed();
    }
    const { stale } = fetching;
    if (stale === undefined || stale.whileRevalidatedUntil <= now) return this.#join(held, fetching, other);
    scope.tell(this.#told.stale);
    this.#giveLater(held, { stored: stale, condition, now, detail: '' });
  }

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
      // The backend was not there, or died: all at once would be on it when it comes back, or on the next one.
      this.#release(course, true);
      return CONTINUE;
    }
    const came = { status: answer.status, pairs: answer.lasting(), request: course.request, patch: course.patch, now };
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
    const kept = fits && !course.odd && answer.body !== 'UntilClosed' ? keptOf(came, this.#settings) : undefined;
    answer.patch(statusPatch(`${course.status}${kept === undefined ? '' : '; stored'}`));
    if (kept === undefined) {
      if (!course.odd) this.#store.pass(course.key, came.now + PASS_TIME);
      return this.#release(course);
    }
    const done = (body: Buffer | 'TooLong' | 'CutOff'): void => {
      if (typeof body !== 'string') this.#put(course, { ...kept, body });
      this.#release(course, body === 'CutOff');
    };
    if (answer.body === 'None') return done(Buffer.alloc(0));
    answer.paceBody(
      (out) => new Recorder(out, { most, length: length === undefined ? undefined : Number(length), done }),
    );
  }

  #put(course: Fetching, answer: StoredAnswer): void {
    if (course.void || course.odd) return;
    const { key, host, target } = course;
    const place = { source: this.#source, key, host, target };
    this.#remember(course, answer);
    if (this.#disk === null && this.#settings.maxDiskBytes !== undefined) this.#state.missDisk(this.#source);
    const written = this.#disk?.write(place, answer, this.#settings.maxDiskBytes ?? 0);
    // What is long is read from there while it is sent, once it is there.
    if (answer.body.length > MAX_WHOLE_BODY) void written?.then((done) => done && this.#store.drop(key, answer));
  }

  #remember(course: ComingAnswer, answer: StoredAnswer): void {
    this.#store.put(course, answer, this.#settings.maxBytes);
    this.#state.answers.bound();
  }

  onEnd(scope: KeptState): void {
    const held = scope.kept(this.#held);
    if (held !== undefined) {
      this.#end(held);
      if (held.fetching !== undefined) this.#store.end(held.fetching);
    }
    const course = scope.kept(this.#course);
    if (course?.type === 'fetch') this.#release(course, true);
  }

  /** Those that wait look again: all at once, or where it was `left` without an answer, after one of them that asks in its place. */
  #release(course: Fetching, left = false): void {
    const { fetch, key } = course;
    this.#store.end(course);
    if (fetch === null) return;
    course.fetch = null;
    if (!fetch.ends(left)) return;
    if (this.#store.fetches.get(key) === fetch) this.#store.fetches.delete(key);
    fetch.tell(left ? 'left' : 'answer');
  }
}

/** A request that waits. */
interface Held {
  readonly scope: FilterScope;
  readonly waiting: Waiting;
  timer: NodeJS.Timeout | undefined;
  /** It waits no more. */
  over: boolean;
  /** What it looks for on the disk. */
  fetching?: ComingAnswer;
}

interface GivenLater {
  stored: StoredAnswer;
  source?: BodySource | null;
  condition: Condition | null;
  now: number;
  /** Of Cache-Status. */
  detail: string;
}

const NOT_CACHED: Denial = {
  status: 504,
  reason: 'not_cached',
  message: 'Nothing is kept of this, and nobody was to be asked.',
};

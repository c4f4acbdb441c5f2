/**
 * What was purged, until it is gone from the disk and every worker has heard of it: a file that is still there, or comes late, is
 * not used. Who has very much purged loses what was kept before, and nobody else does.
 */
import type { CachePurge } from '../../config/index.ts';
import type { FileKey } from './answer-file.ts';

/** Milliseconds after which all workers have done what they were told of one URL, and have written what was under way. */
export const FORGOTTEN_TIME: number = 30_000;
/** Most of one URL each that are remembered, of all policies; above it nothing is used that the one that has most kept before. */
export const MAX_FORGOTTEN_URLS: number = 10_000;
/** Most others that are remembered of a policy; above it nothing is used that it kept before. */
export const MAX_FORGOTTEN_OTHERS: number = 64;

/** Milliseconds between looks for what need not be remembered any more. */
const SWEEP_INTERVAL = 1_000;

interface Other {
  readonly purge: CachePurge;
  readonly at: number;
  /** Of those that are under way, or of which something stays on the disk. */
  open: number;
  until: number;
  /** What it is part of by now. */
  into?: Other;
}

interface Url {
  /** When it was purged last. */
  at: number;
  /** Of those purges that are under way. */
  open: number;
  into?: Other;
}

interface OfPolicy {
  /** By host and target, in the order of their times. */
  readonly urls: Map<string, Url>;
  others: Other[];
}

/** Purges of all policies have none; no policy has an empty name. */
const ALL = '';

export class Forgotten {
  readonly #policies = new Map<string, OfPolicy>();
  #urls = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** To be called when it is done: with whether all that was meant is gone from the disk. */
  add(purge: CachePurge): (isGone: boolean) => void {
    const at = performance.now();
    this.#sweep(at);
    const { policy = ALL, host, target, prefix } = purge;
    const isUrl = policy !== ALL && host !== undefined && target !== undefined && !prefix;
    if (!isUrl) return this.#addOther(policy, { purge, at, open: 1, until: at + FORGOTTEN_TIME });
    const url = this.#addUrl(policy, `${host} ${target}`, at);
    return (isGone) => {
      if (url.into !== undefined) return isGone ? closed(url.into, at) : undefined;
      url.open--;
      if (!isGone) this.#addOther(policy, { purge, at, open: 1, until: at });
    };
  }

  #addUrl(policy: string, name: string, at: number): Url {
    const { urls } = this.#of(policy);
    const url = urls.get(name) ?? { at, open: 0 };
    if (!urls.delete(name)) this.#urls++;
    urls.set(name, url);
    url.at = at;
    url.open++;
    if (this.#urls > MAX_FORGOTTEN_URLS) this.#mergeMost(at);
    return url;
  }

  /** What was kept at this time is not to be used. */
  has({ source, host, target }: FileKey, storedAt: number): boolean {
    const own = this.#policies.get(source);
    // One that is past its time is right still.
    if (storedAt <= (own?.urls.get(`${host} ${target}`)?.at ?? Number.NEGATIVE_INFINITY)) return true;
    const now = performance.now();
    const isMeant = ({ purge, at, open, until }: Other): boolean =>
      storedAt <= at && (open > 0 || now < until) && isOf(purge, { source, host, target });
    return own?.others.some(isMeant) === true || this.#policies.get(ALL)?.others.some(isMeant) === true;
  }

  #of(policy: string): OfPolicy {
    let own = this.#policies.get(policy);
    if (own === undefined) this.#policies.set(policy, (own = { urls: new Map(), others: [] }));
    return own;
  }

  #addOther(policy: string, other: Other): (isGone: boolean) => void {
    const own = this.#of(policy);
    own.others.push(other);
    if (own.others.length > MAX_FORGOTTEN_OTHERS) this.#merge(policy, performance.now());
    const began = performance.now();
    return (isGone) => {
      if (isGone) closed(other, began);
    };
  }

  #mergeMost(at: number): void {
    const [most] = [...this.#policies].reduce((one, other) => (other[1].urls.size > one[1].urls.size ? other : one));
    this.#merge(most, at);
  }

  /** All of it becomes one, of all that the policy kept. */
  #merge(policy: string, at: number): void {
    const own = this.#of(policy);
    const purge = policy === ALL ? {} : { policy };
    const all = [...own.others, ...own.urls.values()];
    const open = all.reduce((sum, one) => sum + one.open, 0);
    const whole: Other = { purge, at, open, until: at + FORGOTTEN_TIME };
    for (const one of all) one.into = whole;
    this.#urls -= own.urls.size;
    own.urls.clear();
    own.others = [whole];
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < SWEEP_INTERVAL) return;
    this.#sweptAt = now;
    for (const [policy, own] of this.#policies) {
      for (const [name, { at, open }] of own.urls) {
        if (at >= now - FORGOTTEN_TIME) break;
        if (open > 0) continue;
        own.urls.delete(name);
        this.#urls--;
      }
      if (own.others.length > 0) own.others = own.others.filter(({ open, until }) => open > 0 || until >= now);
      if (own.urls.size === 0 && own.others.length === 0) this.#policies.delete(policy);
    }
  }
}

/** One that began then is done. */
function closed(one: Other, began: number): void {
  let whole = one;
  while (whole.into !== undefined) whole = whole.into;
  whole.open--;
  // Other workers are at theirs for about as long.
  const now = performance.now();
  whole.until = Math.max(whole.until, now + (now - began) + FORGOTTEN_TIME);
}

export function isOf({ policy, host, target, prefix }: CachePurge, file: Omit<FileKey, 'key'>): boolean {
  if (policy !== undefined && policy !== file.source) return false;
  if (host !== undefined && host !== file.host) return false;
  if (target === undefined) return true;
  return prefix ? file.target.startsWith(target) : file.target === target;
}

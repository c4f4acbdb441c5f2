/** What is kept, as it is looked for, given and asked about. */
import type { StoredAnswer } from '../../state/index.ts';
import type { BodySource, KeptAnswer } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import { type Condition, hasAlready, type Wishes } from './cached-request.ts';
import { isWrittenByOthers } from './told-lines.ts';

export function isFresh(answer: StoredAnswer, wishes: Wishes | null, now: number): boolean {
  if (answer.freshUntil <= now) return false;
  if (wishes === null) return true;
  const age = answer.age + (now - answer.storedAt) / 1_000;
  return !wishes.noCache && age <= wishes.maxAge && answer.freshUntil - wishes.minFresh * 1_000 > now;
}

/** What the backend is told: by the client, and by others for this request. */
export interface Told {
  readonly request: Record<string, string>;
  readonly patch: HeaderPatch;
}

export function isFor({ vary }: StoredAnswer, { request, patch }: Told): boolean {
  const imitated = Object.keys(request).filter((name) => name.includes('_'));
  return vary.every(
    ([name, value]) =>
      (request[name] ?? '') === value &&
      !imitated.some((one) => one.replaceAll('_', '-') === name) &&
      !isWrittenByOthers(patch, name),
  );
}

/** What is kept, or 304 where the client has it. */
export function answerOf(
  stored: StoredAnswer & { source?: BodySource | null | undefined },
  condition: Condition | null,
  now: number,
): KeptAnswer {
  const age = `Age: ${Math.max(0, Math.floor(stored.age + (now - stored.storedAt) / 1_000))}\r\n`;
  const { status, lines, body, source } = stored;
  if (condition === null || !hasAlready(condition, stored)) {
    return { status, lines: lines + age, body, ...(source ? { source } : {}) };
  }
  const bare = lines.replace(/^content-(?:type|encoding|language|range):[^\r]*\r\n/gim, '');
  return { status: 304, lines: bare + age, body: Buffer.alloc(0) };
}

/** What the client has is no matter for the backend: what it answers is for others, too. */
export function conditions(stale: StoredAnswer | undefined): HeaderPatch {
  const lines: Array<{ name: string; value: string }> = [];
  if (stale?.etag !== undefined) lines.push({ name: 'If-None-Match', value: stale.etag });
  else if (stale?.lastModified !== undefined) lines.push({ name: 'If-Modified-Since', value: stale.lastModified });
  return new HeaderPatch(CONDITIONS, lines);
}

const CONDITIONS: ReadonlySet<string> = new Set(['if-none-match', 'if-modified-since']);

export function statusPatch(status: string): HeaderPatch {
  return HeaderPatch.adding([{ name: 'Cache-Status', value: `daemun; ${status}` }]);
}

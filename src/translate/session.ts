/** Sessions as routes and policies ask for them. */
import { createHash } from 'node:crypto';
import { type BackendSessionPersistence, objectKey, type Resource, type SessionPersistence } from '../api/index.ts';
import type { SessionPersistence as Persistence, SessionCookie } from '../config/index.ts';
import { milliseconds } from '../value/duration.ts';

/** Hexadecimal digits that set the names of cookies apart that nobody has named. */
const NAME_DIGITS = 8;

/** `place`: what of the object asks for it, where several of its parts may. */
export function sessionOf(
  asked: SessionPersistence | BackendSessionPersistence,
  owner: Resource,
  place = '',
): Persistence {
  const { type, cookie, header } = asked;
  const own = 'mode' in asked ? asked : undefined;
  const named = type === 'Header' ? header?.name : cookie?.name;
  const session: Persistence = {
    type,
    name: named ?? `daemun-session-${digest(`${objectKey(owner)} ${place}`).slice(0, NAME_DIGITS)}`,
    secret: digest(`secret of sessions ${objectKey(owner)} ${owner.metadata.uid ?? ''}`),
    mode: own?.mode ?? 'Persistent',
    changeOnFailure: own?.changeOnFailure ?? false,
    acrossBackends: own?.canaryBehavior !== 'Legacy',
  };
  const [absolute, idle] = [timeOf(asked.absoluteTimeout), timeOf(own?.idleTimeout)];
  if (absolute !== undefined) session.absoluteTimeout = absolute;
  if (idle !== undefined) session.idleTimeout = idle;
  if (cookie !== undefined) session.cookie = cookieOf(cookie, absolute);
  return session;
}

function cookieOf(
  asked: NonNullable<BackendSessionPersistence['cookie']> | NonNullable<SessionPersistence['cookie']>,
  absolute: number | undefined,
): SessionCookie {
  const cookie: SessionCookie = {};
  if (asked.path !== undefined && asked.path !== '/' && asked.path !== '') cookie.path = asked.path;
  if (asked.lifetimeType === 'Permanent' && absolute !== undefined) cookie.maxAge = Math.ceil(absolute / 1000);
  if (!('secure' in asked)) return cookie;
  const { pathFromMatch, domain, sameSite, conditionalSameSiteNone, secure, maxAgeSeconds, expiresSeconds } = asked;
  if (pathFromMatch === true) cookie.matchedPath = true;
  if (domain !== undefined) cookie.domain = domain;
  if (sameSite !== undefined) cookie.sameSite = sameSite;
  if (conditionalSameSiteNone === true) cookie.conditionalSameSiteNone = true;
  if (secure !== 'Auto') cookie.secure = secure === 'Always';
  if (maxAgeSeconds !== undefined) cookie.maxAge = maxAgeSeconds;
  if (expiresSeconds !== undefined) cookie.expires = expiresSeconds;
  return cookie;
}

/** 0s is no limit, as for a rule's other times. */
function timeOf(duration: string | undefined): number | undefined {
  return (duration === undefined ? undefined : milliseconds(duration)) || undefined;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Sessions that keep their endpoint: of a backend, by its policy, or of a rule, as its route asks for. */
import * as v from 'valibot';
import { key, lineText, object, type Shape } from './shape.ts';

export interface SessionPersistence {
  /** Where the client carries the session. */
  type: 'Cookie' | 'Header';
  /** Of the cookie or the header. */
  name: string;
  /**
   * What names of endpoints are made with. Secret: whoever has it can tell by trying which endpoint a session keeps. The
   * same for as long as the object lives that asks for sessions, so that they outlive restarts.
   */
  secret: string;
  /**
   * Persistent: the session names its endpoint, and keeps it while it is there. Balanced: the session is a random key of
   * a consistent hash, so that some sessions move when endpoints come.
   */
  mode: 'Persistent' | 'Balanced';
  /** Milliseconds from the session's beginning, and without a request. Absent: it has no end. */
  absoluteTimeout?: number;
  idleTimeout?: number;
  /** A session whose endpoint failed stays with the one that answered in its place; else it goes back to its own. */
  changeOnFailure: boolean;
  /** Of several backends of a rule the session keeps its own, whatever their weights. */
  acrossBackends: boolean;
  /** Absent: the cookie ends with the browser's session, and is for all paths of its host. */
  cookie?: SessionCookie;
}

export interface SessionCookie {
  /** Absent: `/`. */
  path?: string;
  /** The path that the rule's match covers, in the place of `path`. */
  matchedPath?: boolean;
  domain?: string;
  sameSite?: 'Strict' | 'Lax' | 'None';
  /** SameSite=None is left out for clients that take it for Strict. */
  conditionalSameSiteNone?: boolean;
  /** Absent: where the client came by TLS. */
  secure?: boolean;
  /** Seconds. */
  maxAge?: number;
  expires?: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** What may stand in an attribute of a cookie. */
const attribute = v.pipe(lineText, v.regex(/^[^;,\s]*$/, 'holds what ends an attribute'));

export const sessionPersistence: Shape<SessionPersistence> = object<SessionPersistence>({
  type: v.picklist(['Cookie', 'Header']),
  name: v.pipe(key, v.regex(/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/, 'is no name')),
  secret: key,
  mode: v.picklist(['Persistent', 'Balanced']),
  absoluteTimeout: v.optional(count),
  idleTimeout: v.optional(count),
  changeOnFailure: v.boolean(),
  acrossBackends: v.boolean(),
  cookie: v.optional(
    object<SessionCookie>({
      path: v.optional(attribute),
      matchedPath: v.optional(v.boolean()),
      domain: v.optional(attribute),
      sameSite: v.optional(v.picklist(['Strict', 'Lax', 'None'])),
      conditionalSameSiteNone: v.optional(v.boolean()),
      secure: v.optional(v.boolean()),
      maxAge: v.optional(v.pipe(v.number(), v.integer())),
      expires: v.optional(v.pipe(v.number(), v.integer())),
    }),
  ),
});

/** As outsiders may see it. */
export function shownSession(session: SessionPersistence): SessionPersistence {
  return { ...session, secret: 'redacted' };
}

/** What somebody asks the admin API to forget, as JSON. */
import * as v from 'valibot';
import type { CachePurge } from '../config/index.ts';

/** Most characters of any part of it. */
export const MAX_PURGE_TEXT: number = 8_192;

const text = (pattern: RegExp, message: string) =>
  v.optional(v.pipe(v.string(), v.maxLength(MAX_PURGE_TEXT), v.regex(pattern, message)));

const shape = v.pipe(
  v.strictObject({
    all: v.optional(v.literal(true)),
    policy: text(/^(?:[A-Za-z]+\/)?[a-z0-9.-]+\/[a-z0-9.-]+$/, 'is not NAMESPACE/NAME'),
    host: text(/^[^\s/?#@]+$/, 'is no host'),
    target: text(/^\/[\x21-\x7e]*$/, 'is no path with its query, percent-encoded'),
    prefix: v.optional(v.boolean()),
    dryRun: v.optional(v.boolean()),
  }),
  v.check(
    ({ all, policy, host }) => all === true || policy !== undefined || host !== undefined,
    'name a policy or a host, or say "all": true',
  ),
  v.check(({ all, policy, host }) => all !== true || (policy ?? host) === undefined, 'all, and a policy or a host'),
  v.check(({ host, target }) => target === undefined || host !== undefined, 'a target needs the host that it is of'),
  v.check(({ target, prefix }) => prefix !== true || target !== undefined, 'a prefix needs a target'),
);

/** Throws an Error with what is wrong with it. */
export function readPurge(value: unknown): CachePurge {
  const read = v.safeParse(shape, value);
  if (!read.success) {
    const [issue] = read.issues;
    const path = v.getDotPath(issue);
    throw new Error(path === null ? issue.message : `${path}: ${issue.message}`);
  }
  const { all: _all, policy, host, ...rest } = read.output;
  return {
    ...rest,
    ...(policy === undefined ? {} : { policy: policy.split('/').length === 2 ? `ResponsePolicy/${policy}` : policy }),
    ...(host === undefined ? {} : { host: host.toLowerCase() }),
  } as CachePurge;
}

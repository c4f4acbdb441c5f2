/**
 * What a data plane sends, read with care: it may be of another version, or not what it seems. Members that are not known
 * are left out.
 */
import * as v from 'valibot';
import type { FromDataPlane } from './message.ts';

/** Characters of a name or a reference: namespaces and names have 63 and 253, and a reference several of them. */
export const MAX_TEXT = 2048;

const text = v.pipe(v.string(), v.maxLength(MAX_TEXT));
const name = v.pipe(text, v.minLength(1));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const hello = v.object({
  type: v.literal('hello'),
  protocol: count,
  oldest: count,
  token: v.string(),
  version: text,
  proxy: name,
  node: v.optional(text),
  zone: v.optional(text),
  digest: text,
  seeking: v.optional(v.boolean()),
});

const holds = v.object({
  type: v.literal('holds'),
  objects: v.array(v.tuple([name, text])),
  last: v.boolean(),
});

const listener = v.object({
  key: name,
  state: v.picklist(['serving', 'failed']),
  bound: v.array(text),
  code: v.optional(text),
  message: v.optional(v.string()),
});

const ack = v.object({
  type: v.literal('ack'),
  version: count,
  rejected: v.optional(v.array(v.object({ kind: name, key: name, code: text, message: v.string() }))),
  listeners: v.optional(v.array(listener)),
  changed: v.optional(v.array(listener)),
  gone: v.optional(v.array(name)),
  refusedEndpoints: v.optional(v.array(v.object({ key: name, endpoint: text, message: v.string(), left: count }))),
  shortfalls: v.optional(v.array(v.object({ policy: name, message: v.string() }))),
});

/** What went wrong may have a name that is not known here: it is passed over later. */
const troubles = v.object({
  type: v.literal('troubles'),
  worker: name,
  troubles: v.array(v.object({ key: name, endpoint: text, what: text, detail: v.optional(text), count })),
});

const message = v.variant('type', [
  hello,
  holds,
  ack,
  troubles,
  v.object({ type: v.literal('taken') }),
  v.object({ type: v.literal('leaving') }),
]);

/** Undefined: of a type that is not known here, which is passed over. Throws a TypeError that repeats nothing of it. */
export function readFromDataPlane(input: { type: unknown }): FromDataPlane | undefined {
  const outer = v.safeParse(message, input);
  if (outer.success) return outer.output as FromDataPlane;
  const [issue] = outer.issues;
  const path = v.getDotPath(issue);
  if (path === 'type' && typeof input.type === 'string') return undefined;
  throw new TypeError(`a message that does not fit: ${path ?? 'message'} must be ${issue.expected ?? 'otherwise'}`);
}

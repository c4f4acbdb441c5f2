/** lastTransitionTime: set by the writer of a status, kept for as long as a condition's status stays the same. */
import { type Condition, stampedCondition } from '../api/index.ts';
import { canonicalHash } from '../config/index.ts';

type Json = Record<string, unknown>;

/** `status` with the times of its conditions; `before` is its last form that went through here. */
export function stamped<S extends object>(status: S, before: object | undefined, now: string): S {
  return stampObject(status as Json, before as Json | undefined, now) as S;
}

function stampObject(value: Json, before: Json | undefined, now: string): Json {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, stampMember(name, { member, before: before?.[name] }, now)]),
  );
}

function stampMember(name: string, { member, before }: { member: unknown; before: unknown }, now: string): unknown {
  if (!Array.isArray(member)) return member;
  const old = Array.isArray(before) ? before : [];
  if (name === 'conditions') {
    return member.map((condition: Condition) => stampedCondition(condition, conditionLike(condition, old), now));
  }
  return member.map((item: unknown) => {
    if (typeof item !== 'object' || item === null) return item;
    const id = identity(item as Json);
    const same = old.find((other: unknown) => typeof other === 'object' && identity(other as Json) === id);
    return stampObject(item as Json, same as Json | undefined, now);
  });
}

function conditionLike({ type }: Condition, before: readonly Condition[]): Condition | undefined {
  return before.find((one) => one.type === type);
}

/** What makes an entry of a list the same one as before: a listener's name, a parent's reference. */
function identity({ name, parentRef, ancestorRef, controllerName }: Json): string {
  return canonicalHash([name, parentRef, ancestorRef, controllerName]);
}

/**
 * What a status becomes: our own entries as they are wanted, everything of others as it is and where it is. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { CONDITION, type Condition, type Kind, stampedCondition } from '../api/index.ts';

export type Json = Record<string, unknown>;

/** A status as translation gives it. */
export interface WantedStatus {
  kind: Kind;
  metadata: { namespace?: string; name: string };
  status: object;
}

/** Of routes (`parents`) and policies (`ancestors`) the entries of all controllers lie in one list that is replaced whole. */
export type EntryList = 'parents' | 'ancestors';
/** The API's limits on these lists. */
export const MAX_ENTRIES: Readonly<Record<EntryList, number>> = { parents: 32, ancestors: 16 };

interface Entry extends Json {
  controllerName: string;
  parentRef?: Json;
  ancestorRef?: Json;
  conditions?: Condition[];
}

export interface Wanted {
  list: EntryList;
  entries: readonly Entry[];
  /** Of whom entries are ours: they go where they are not wanted any more. */
  controllerNames: ReadonlySet<string>;
  /** RFC 3339, for conditions that change. */
  now: string;
}

/** The list with our entries in it, or undefined where nothing has to be written. */
export function mergedEntries(live: readonly Entry[], wanted: Wanted): Entry[] | undefined {
  const { entries, controllerNames, now } = wanted;
  const open = [...entries];
  const merged: Entry[] = [];
  for (const entry of live) {
    if (!controllerNames.has(entry.controllerName)) {
      merged.push(entry);
      continue;
    }
    const at = open.findIndex((one) => sameOwner(one, entry));
    if (at >= 0) merged.push(stampedEntry(open.splice(at, 1)[0]!, entry, now));
  }
  merged.push(...open.map((entry) => stampedEntry(entry, undefined, now)));
  const fitting = withinLimit(merged, wanted);
  return isDeepStrictEqual(plain(fitting), plain(live)) ? undefined : fitting;
}

/** Those of others fit, since they are there. Of ours the last that are listed say how many are not. */
function withinLimit(entries: Entry[], { list, controllerNames }: Wanted): Entry[] {
  const left = entries.length - MAX_ENTRIES[list];
  if (left <= 0) return entries;
  const fitting = entries.slice(0, MAX_ENTRIES[list]);
  const at = fitting.findLastIndex(({ controllerName }) => controllerNames.has(controllerName));
  if (at < 0) return fitting;
  const more = `; of ${left} more ${list} nothing is listed: a status has room for ${MAX_ENTRIES[list]}`;
  const [first, ...others] = fitting[at]!.conditions ?? [];
  if (first !== undefined) {
    fitting[at] = { ...fitting[at]!, conditions: [{ ...first, message: `${first.message}${more}` }, ...others] };
  }
  return fitting;
}

/** How many of these entries have no room beside those of others. */
export function unlisted(live: readonly Entry[], { list, entries, controllerNames }: Omit<Wanted, 'now'>): number {
  const others = live.filter(({ controllerName }) => !controllerNames.has(controllerName)).length;
  return Math.max(0, others + entries.length - MAX_ENTRIES[list]);
}

function sameOwner(a: Entry, b: Entry): boolean {
  return a.controllerName === b.controllerName && isDeepStrictEqual(reference(a), reference(b));
}

/** With the API's defaults, which some writers leave out. */
function reference({ parentRef, ancestorRef }: Entry): Json {
  return plain({ group: 'gateway.networking.k8s.io', kind: 'Gateway', ...(parentRef ?? ancestorRef) });
}

function stampedEntry(wanted: Entry, live: Entry | undefined, now: string): Entry {
  const conditions = mergedConditions(live?.conditions ?? [], wanted.conditions ?? [], now);
  // The reference as it stands, with the defaults that the server filled in: they alone are no change.
  const { parentRef, ancestorRef } = live ?? wanted;
  return {
    ...wanted,
    ...(parentRef === undefined ? {} : { parentRef }),
    ...(ancestorRef === undefined ? {} : { ancestorRef }),
    conditions,
  };
}

const OWN_TYPES: ReadonlySet<string> = new Set(Object.values(CONDITION));

/**
 * Ours as wanted, with the time of the last change kept; those of types that we never write stay. The order is that
 * of the list as it is, so that order alone is never a change.
 */
export function mergedConditions(live: readonly Condition[], wanted: readonly Condition[], now: string): Condition[] {
  const open = [...wanted];
  const merged: Condition[] = [];
  for (const condition of live) {
    const at = open.findIndex(({ type }) => type === condition.type);
    if (at >= 0) merged.push(stampedCondition(open.splice(at, 1)[0]!, condition, now));
    else if (!OWN_TYPES.has(condition.type)) merged.push(condition);
  }
  return [...merged, ...open.map((condition) => stampedCondition(condition, undefined, now))];
}

/**
 * The body of a server-side apply of a status that has `conditions` by type and `listeners` by name, or undefined
 * where all of it stands already and nothing of ours is left over.
 */
export function appliedStatus(live: Json, wanted: Json, now: string): Json | undefined {
  const status = stampedObject(live, wanted, now);
  return stands(live, status) && !hasLeftOver(live, wanted) ? undefined : status;
}

function stampedObject(live: Json, wanted: Json, now: string): Json {
  const result: Json = { ...wanted };
  if (Array.isArray(wanted.conditions)) {
    const own = (wanted.conditions as Condition[]).map((condition) => {
      const same = (live.conditions as Condition[] | undefined)?.find(({ type }) => type === condition.type);
      return stampedCondition(condition, same, now);
    });
    result.conditions = own;
  }
  if (Array.isArray(wanted.listeners)) {
    result.listeners = (wanted.listeners as Json[]).map((listener) =>
      stampedObject(named(live.listeners, listener.name) ?? {}, listener, now),
    );
  }
  return result;
}

/** Every field that is wanted is there, and equal; lists with keys by their keys, others as a whole. */
function stands(live: Json, wanted: Json): boolean {
  return Object.entries(plain(wanted)).every(([field, value]) => {
    const there = live[field];
    if (field === 'conditions' && Array.isArray(value)) {
      return (value as Condition[]).every((condition) =>
        isDeepStrictEqual(
          plain({ ...(there as Condition[] | undefined)?.find(({ type }) => type === condition.type) }),
          condition,
        ),
      );
    }
    if (field === 'listeners' && Array.isArray(value)) {
      return (value as Json[]).every((one) => stands(named(there, one.name) ?? {}, one));
    }
    return isDeepStrictEqual(there, value) || (isEmpty(value) && isEmpty(there));
  });
}

/** A listener that is gone, or a condition of a type of ours that is not wanted: applying takes them away. */
function hasLeftOver(live: Json, wanted: Json): boolean {
  const conditions = (live.conditions as Condition[] | undefined) ?? [];
  const own = (wanted.conditions as Condition[] | undefined) ?? [];
  if (conditions.some(({ type }) => OWN_TYPES.has(type) && !own.some((one) => one.type === type))) return true;
  const listeners = (live.listeners as Json[] | undefined) ?? [];
  return listeners.some((listener) => {
    const same = named(wanted.listeners, listener.name);
    return same === undefined || hasLeftOver(listener, same);
  });
}

function named(list: unknown, name: unknown): Json | undefined {
  return Array.isArray(list) ? (list as Json[]).find((one) => one.name === name) : undefined;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** As JSON has it: without fields that are undefined. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

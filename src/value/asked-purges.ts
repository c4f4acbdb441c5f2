/**
 * What a ResponsePolicy is to forget of what it keeps, as it is written on it: a list, of which each data plane does once
 * what it has not done. Whoever may change the policy may write it, and what others keep is not reached by it.
 */
import { isObject } from './json-object.ts';

export const PURGE_ANNOTATION = 'policies.daemun.dev/purge';
/** Purges that stand on a policy at a time; with one more they become one, of all that it keeps. */
export const MAX_ASKED_PURGES: number = 128;
/** Milliseconds for which one stands there, for data planes that cannot be reached. */
export const PURGE_STANDS: number = 24 * 60 * 60 * 1_000;
/** Most characters of any part of one. */
const MAX_TEXT = 8_192;

export interface AskedPurge {
  /** No other on this policy has it. */
  id: string;
  /** RFC 3339: what was written to a disk after that stays when a process starts; absent: goes. */
  at?: string;
  /** Lower case, with a port that is not its scheme's; absent: all that the policy keeps. */
  host?: string;
  target?: string;
  prefix?: boolean;
}

const FORMS: Readonly<Record<string, RegExp>> = {
  id: /^[\x21-\x7e]{1,64}$/,
  at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/,
  host: /^[^\s/?#@A-Z]+$/,
  target: /^\/[\x21-\x7e]*$/,
};

/** Throws an Error with what is wrong with it. */
export function readAskedPurges(text: string): AskedPurge[] {
  const list = parsed(text);
  if (!Array.isArray(list)) throw new Error('is no JSON list such as [{"id": "1", "host": "shop.example"}]');
  if (list.length > MAX_ASKED_PURGES) throw new Error(`has more than ${MAX_ASKED_PURGES} purges`);
  for (const [at, one] of list.entries()) {
    const wrong = faultOf(one);
    if (wrong !== undefined) throw new Error(`[${at}]: ${wrong}`);
  }
  return list as AskedPurge[];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf(one: unknown): string | undefined {
  if (!isObject(one)) return 'is no object';
  for (const [name, value] of Object.entries(one)) {
    if (name === 'prefix' && typeof value === 'boolean') continue;
    if (!Object.hasOwn(FORMS, name)) return name === 'prefix' ? 'prefix is true or false' : `has no member ${name}`;
    if (typeof value !== 'string' || value.length > MAX_TEXT || !FORMS[name]!.test(value)) return `${name} is none`;
  }
  if (one.id === undefined) return 'has no id';
  if (one.at !== undefined && Number.isNaN(Date.parse(String(one.at)))) return 'at is none';
  if (one.target !== undefined && one.host === undefined) return 'a target needs the host that it is of';
  return one.prefix === true && one.target === undefined ? 'a prefix needs a target' : undefined;
}

/** What stands there once this is asked, too. What stood there and cannot be read goes: nobody did it. */
export function withPurge(text: string | undefined, purge: AskedPurge & { at: string }): string {
  const since = Date.parse(purge.at) - PURGE_STANDS;
  const standing = standingIn(text).filter(({ at }) => at === undefined || Date.parse(at) >= since);
  const { id, at } = purge;
  return JSON.stringify(standing.length < MAX_ASKED_PURGES ? [...standing, purge] : [{ id, at }]);
}

function standingIn(text: string | undefined): AskedPurge[] {
  try {
    return text === undefined ? [] : readAskedPurges(text);
  } catch {
    return [];
  }
}

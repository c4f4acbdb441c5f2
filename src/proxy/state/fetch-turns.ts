/**
 * Texts from servers elsewhere, each in turn of its namespace: one whose servers never answer keeps its own waiting, and
 * nobody else's. Its servers that answer come before those that do not.
 */
import { FairPlaces } from '../turns/index.ts';
import { FETCH_TIMEOUT, fetchText } from './fetch-text.ts';
import type { Fetched, Fetcher, OutboundGate } from './outbound.ts';

/** Texts that are fetched at a time, in a worker. */
export const MAX_FETCHES: number = 256;
/** And of one server for one namespace: who sign in at once at a provider that takes half a second are 80 a second then. */
export const MAX_FETCHES_OF_SERVER: number = 40;
/** Most that wait in all: above it the last of the namespace that has most of them fails. */
export const MAX_FETCHES_WAITING: number = 4_096;

export function fetchingInTurn(gate: OutboundGate): Fetcher {
  const places = new FairPlaces({ all: MAX_FETCHES, ofLine: MAX_FETCHES_OF_SERVER, waiting: MAX_FETCHES_WAITING });
  return (fetched, tenant) => inTurn(places, { fetched, tenant, gate });
}

/** The time for all of it begins with the waiting. */
function inTurn(
  places: FairPlaces,
  { fetched, tenant, gate }: { fetched: Fetched; tenant: string; gate: OutboundGate },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const whose = { tenant, line: new URL(fetched.url).origin };
  const asked = performance.now();
  let waits = true;
  const giveUp = (): void => {
    waits = false;
    reject(new Error('too many others of its namespace are waited for'));
  };
  const timer = setTimeout(giveUp, FETCH_TIMEOUT);
  timer.unref();
  const begin = (): void => {
    clearTimeout(timer);
    const began = performance.now();
    const done = (): void => places.done(whose, performance.now() - began);
    // Not within the call that gave the place: those that gave up meanwhile are many.
    if (!waits) return queueMicrotask(() => places.done(whose, 0));
    const timeout = Math.max(1, FETCH_TIMEOUT - (began - asked));
    fetchText(fetched, { gate, tenant, timeout }).then(resolve, reject).finally(done);
  };
  places.ask(whose, begin, () => {
    clearTimeout(timer);
    giveUp();
  });
  return promise;
}

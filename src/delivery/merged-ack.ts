/** The answers of all workers as one: what one of them does not do, the data plane does not do. */
import type { Ack, ListenerState, RefusedEndpoint, Shortfall } from '../config/index.ts';

export function mergedAck(acks: ReadonlyArray<Ack>, about: Pick<Ack, 'proxy' | 'version' | 'rejected'>): Ack {
  const refusedEndpoints = mergedEndpoints(acks);
  const shortfalls = mergedShortfalls(acks);
  const ack: Ack = { ...about, listeners: mergedListeners(acks) };
  if (refusedEndpoints.length > 0) ack.refusedEndpoints = refusedEndpoints;
  if (shortfalls.length > 0) ack.shortfalls = shortfalls;
  return ack;
}

/** One that fails somewhere fails; one that some worker has not told of is left out, since it does not serve there. */
function mergedListeners(acks: ReadonlyArray<Ack>): ListenerState[] {
  const states = new Map<string, ListenerState[]>();
  for (const { listeners } of acks) {
    for (const one of listeners) {
      const held = states.get(one.key);
      if (held === undefined) states.set(one.key, [one]);
      else held.push(one);
    }
  }
  return [...states.values()].flatMap((told) => {
    const failed = told.find(({ state }) => state === 'failed');
    if (failed !== undefined) return [failed];
    return told.length === acks.length ? [told[0]!] : [];
  });
}

/** Each once, however many say so. */
function mergedShortfalls(acks: ReadonlyArray<Ack>): Shortfall[] {
  const all = acks.flatMap(({ shortfalls = [] }) => shortfalls);
  return [...new Map(all.map((one) => [`${one.policy} ${one.message}`, one])).values()];
}

/** Of an endpoint that several refuse, the one with the fewest others left has the word. */
function mergedEndpoints(acks: ReadonlyArray<Ack>): RefusedEndpoint[] {
  const refused = new Map<string, RefusedEndpoint>();
  for (const { refusedEndpoints = [] } of acks) {
    for (const one of refusedEndpoints) {
      const at = `${one.key} ${one.endpoint}`;
      const held = refused.get(at);
      if (held === undefined || one.left < held.left) refused.set(at, one);
    }
  }
  return [...refused.values()];
}

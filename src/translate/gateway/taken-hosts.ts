import { type DeclaredListener, ownerKey } from './declared.ts';
import { ANY_HOST } from './hostnames.ts';
import { slotOf } from './listener-conflict.ts';
import { widerHosts } from './tls-overlap.ts';

/** Named in one message; more are counted. */
const NAMED_AT_MOST = 4;

/**
 * Listeners of one Gateway and port of which a more specific listener of somebody else's takes hosts, by key, with a text
 * that says which. The spec has it so, and whoever owns the wildcard has not written it.
 */
export function takenHosts(listeners: ReadonlyArray<DeclaredListener>): Map<string, string> {
  const slots = listeners.flatMap((listener) => {
    const slot = slotOf(listener);
    return slot?.family === 'plain' || slot?.family === 'tls' ? [{ listener, ...slot }] : [];
  });
  const byHost = Map.groupBy(slots, ({ hostname }) => hostname);
  const takers = new Map<string, string[]>();
  for (const { listener, hostname } of slots) {
    if (hostname === ANY_HOST) continue;
    for (const { listener: wider } of widerHosts(hostname).flatMap((host) => byHost.get(host) ?? [])) {
      if (ownerKey(wider.owner) === ownerKey(listener.owner)) continue;
      const { kind, namespace, name } = listener.owner;
      const taker = `${hostname} by listener ${listener.spec.name} of ${kind} ${namespace}/${name}`;
      takers.set(wider.key, [...(takers.get(wider.key) ?? []), taker]);
    }
  }
  return new Map(Array.from(takers, ([key, all]) => [key, textOf(all)]));
}

function textOf(takers: readonly string[]): string {
  const more = takers.length - NAMED_AT_MOST;
  const named = takers.slice(0, NAMED_AT_MOST).join(', ');
  return `more specific listeners take hosts of it: ${named}${more > 0 ? `, and ${more} more` : ''}`;
}

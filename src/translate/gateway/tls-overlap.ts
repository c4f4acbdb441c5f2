import type { DeclaredListener } from './declared.ts';
import { ANY_HOST } from './hostnames.ts';
import { slotOf } from './listener-conflict.ts';

/**
 * TLS listeners of one port whose hostnames overlap, by key, with another that each overlaps: a client may reuse a
 * connection to one for a request to the other. The spec wants it said on both. `meet`: whether two are on one socket.
 */
export function overlapsOf(
  listeners: ReadonlyArray<DeclaredListener>,
  meet: (a: DeclaredListener, b: DeclaredListener) => boolean = () => true,
): Map<string, DeclaredListener> {
  const found = new Map<string, DeclaredListener>();
  const tls = listeners.flatMap((listener) => {
    const slot = slotOf(listener);
    return slot?.family === 'tls' ? [{ listener, host: `${slot.port} ${slot.hostname}`, ...slot }] : [];
  });
  const byHost = Map.groupBy(tls, ({ host }) => host);
  for (const { listener, port, hostname } of tls) {
    for (const one of [hostname, ...widerHosts(hostname)]) {
      const other = byHost
        .get(`${port} ${one}`)
        ?.find((candidate) => candidate.listener.key !== listener.key && meet(candidate.listener, listener))?.listener;
      if (other === undefined) continue;
      if (!found.has(listener.key)) found.set(listener.key, other);
      if (!found.has(other.key)) found.set(other.key, listener);
    }
  }
  return found;
}

/** The wildcards that cover a hostname, the nearest first. */
export function widerHosts(hostname: string): string[] {
  if (hostname === ANY_HOST) return [];
  const labels = hostname.split('.').slice(hostname.startsWith('*.') ? 2 : 1);
  const wider = labels.map((_label, at) => `*.${labels.slice(at).join('.')}`);
  return [...wider, ANY_HOST];
}

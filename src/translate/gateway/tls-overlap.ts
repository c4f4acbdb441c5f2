import type { DeclaredListener } from './declared.ts';
import { ANY_HOST } from './hostnames.ts';
import { slotOf } from './listener-conflict.ts';

/**
 * TLS listeners of one port whose hostnames overlap, by key, with another that each overlaps: a client may reuse a
 * connection to one for a request to the other. The spec wants it said on both.
 */
export function overlapsOf(listeners: ReadonlyArray<DeclaredListener>): Map<string, DeclaredListener> {
  const found = new Map<string, DeclaredListener>();
  const byHost = new Map<string, DeclaredListener>();
  const tls = listeners.flatMap((listener) => {
    const slot = slotOf(listener);
    return slot?.family === 'tls' ? [{ listener, slot }] : [];
  });
  for (const { listener, slot } of tls) byHost.set(`${slot.port} ${slot.hostname}`, listener);
  for (const { listener, slot } of tls) {
    for (const wider of widerHosts(slot.hostname)) {
      const other = byHost.get(`${slot.port} ${wider}`);
      if (other === undefined) continue;
      if (!found.has(listener.key)) found.set(listener.key, other);
      if (!found.has(other.key)) found.set(other.key, listener);
    }
  }
  return found;
}

/** The wildcards that cover a hostname, the nearest first. */
function widerHosts(hostname: string): string[] {
  if (hostname === ANY_HOST) return [];
  const labels = hostname.split('.').slice(hostname.startsWith('*.') ? 2 : 1);
  const wider = labels.map((_label, at) => `*.${labels.slice(at).join('.')}`);
  return [...wider, ANY_HOST];
}

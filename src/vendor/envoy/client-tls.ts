import type { ClientTrafficPolicy } from '../../api/index.ts';
import type { Fields } from '../fields.ts';

type Tls = NonNullable<ClientTrafficPolicy['spec']['tls']>;

/** As OpenSSL names them; what else there is takes no part in TLS here. */
const CURVES: ReadonlySet<string> = new Set(['X25519MLKEM768', 'X25519', 'P-256', 'P-384', 'P-521']);

export function tls(asked: Fields | undefined): Tls | undefined {
  if (asked === undefined) return undefined;
  asked.lost('signatureAlgorithms', 'ciphers and curves can be named');
  asked.lost('fingerprints', 'clients are not told by how they greet');
  const session = asked.object('session')?.object('resumption');
  const isStateless = session?.has('stateless');
  session?.any('stateless', { ours: 'tls.sessionTickets' });
  session?.any('stateful', { ours: 'tls.sessionTickets', differs: 'sessions are resumed by tickets' });
  const settings: Tls = {};
  for (const name of ['minVersion', 'maxVersion'] as const) {
    const version = asked.oneOf(name, ['Auto', '1.0', '1.1', '1.2', '1.3'], { ours: `tls.${name}` });
    if (version !== undefined && version !== 'Auto') settings[name] = version;
  }
  const ciphers = asked.texts('ciphers', { ours: 'tls.ciphers' }) ?? [];
  const curves = named(asked, { name: 'ecdhCurves', ours: 'tls.curves', known: (one) => CURVES.has(one) });
  if (ciphers.length > 0) settings.ciphers = ciphers;
  if (curves.length > 0) settings.curves = curves;
  if (isStateless) settings.sessionTickets = true;
  const isSpoken = (one: string): boolean => one === 'h2' || one === 'http/1.1';
  const alpn = named(asked, { name: 'alpnProtocols', ours: 'tls.alpn', known: isSpoken });
  if (alpn.length > 0) settings.alpn = alpn as NonNullable<Tls['alpn']>;
  return settings;
}

interface Names {
  name: string;
  ours: string;
  known(one: string): boolean;
}

/** Those that are known; none at all is said by no list of ours. */
function named(asked: Fields, { name, ours, known }: Names): string[] {
  const all = asked.texts(name, { ours });
  if (all?.length === 0) asked.refuse(name, 'a list of none is not served: what is usual is offered');
  const strange = (all ?? []).filter((one) => !known(one));
  if (strange.length > 0) asked.refuse(name, `${strange.join(', ')}: not served`);
  return [...new Set((all ?? []).filter(known))];
}

/** Certificates that stand in where a listener names none that exists: from files, or from a certificate authority. */
import { LISTENER_REASON, type ProvidedCertificate } from '../../api/index.ts';
import type { Certificate } from '../../config/index.ts';
import { type Collection, type Index, index } from '../../graph/index.ts';
import type { Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { CertificateVerdict } from './certificate.ts';

/** By what a listener can ask for: see `slotsOf`. */
export type ProvidedIndex = Index<ProvidedCertificate>;

export function indexProvided(graph: Graph): ProvidedIndex {
  return index('provided by name', graph.inputs.provided, ({ name }) => slotsOf(name));
}

/** What the config calls it: no Secret's key has a colon. */
function configKey({ origin, name, algorithm }: ProvidedCertificate): string {
  return algorithm === undefined ? `${origin}:${name}` : `${origin}:${name}:${algorithm}`;
}

/** Beside those of Secrets, under the keys that Secrets of the same config keys would have. Who provides them judges them. */
export function deriveProvided(graph: Graph): Collection<CertificateVerdict> {
  return graph.derive('provided certificates', graph.inputs.provided, (_context, provided) => {
    const { pair } = provided;
    const key = configKey(provided);
    if (pair === undefined) return [];
    const read = { names: [provided.name.toLowerCase()], type: 'kubernetes.io/tls' };
    return [[`Secret/${key}`, { certificate: { kind: 'Certificate', key, ...pair }, ...read }]];
  });
}

/** Those that are for any host of a name: the name itself, every wildcard above it, and any. */
function slotsOf(name: string): string[] {
  const slots = [`is ${name}`, 'any'];
  if (name.startsWith('*.')) slots.push(`under ${name}`);
  for (let dot = name.indexOf('.', name.startsWith('*.') ? 2 : 0); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    slots.push(`under *${name.slice(dot)}`);
  }
  return slots;
}

/** What a listener asks for by its hostname: lower case, undefined for any. */
export interface Need {
  hostname: string | undefined;
  /** Also what is obtained by ACME. */
  acme: boolean;
  /** Of the listener, for messages. */
  field: string;
}

export interface StandIns {
  certificates: Certificate[];
  /** Files that give the listener's own hostname, or all of it, its certificate: none is to be obtained. */
  given: boolean;
  problems: Problem[];
  /** What is wrong and stops nothing yet. */
  notes: string[];
}

/** Those of files first: who gave them wanted these. */
export function standIns(look: Lookup, byName: ProvidedIndex, { hostname, acme, field }: Need): StandIns {
  const found: StandIns = { certificates: [], given: false, problems: [], notes: [] };
  const candidates = slotsFor(hostname).flatMap((slot) => look.context.fetch(byName, slot) ?? []);
  const usable = candidates.filter(({ origin }) => origin === 'files' || acme);
  for (const provided of usable.sort((a, b) => rank(a) - rank(b))) {
    const { origin, pair, problem: message } = provided;
    if (pair !== undefined) found.certificates.push({ kind: 'Certificate', key: configKey(provided), ...pair });
    if (origin === 'files') found.given = true;
    if (message === '') continue;
    if (origin === 'acme' && pair !== undefined) found.notes.push(message);
    else found.problems.push(awaited(field, message, origin === 'acme'));
  }
  if (acme && found.certificates.length === 0 && found.problems.length === 0) {
    found.problems.push(awaited(field, toBeObtained(hostname), true));
  }
  return found;
}

function toBeObtained(hostname: string | undefined): string {
  if (hostname !== undefined && !hostname.startsWith('*.'))
    return `a certificate for ${hostname} is to be obtained by ACME`;
  return 'certificates for the exact hostnames of its routes are to be obtained by ACME; there is none for a wildcard that way: give it with --certificate or a Secret';
}

function awaited(field: string, message: string, passing: boolean): Problem {
  const told = problem(LISTENER_REASON.InvalidCertificateRef, `${field}.tls.certificateRefs`, message);
  return passing ? { ...told, passing } : told;
}

/** A file gives this very name its certificate. */
export function isGiven(look: Lookup, byName: ProvidedIndex, hostname: string): boolean {
  const candidates = slotsFor(hostname).flatMap((slot) => look.context.fetch(byName, slot) ?? []);
  return candidates.some(({ origin }) => origin === 'files');
}

function rank({ origin }: ProvidedCertificate): number {
  return origin === 'files' ? 0 : 1;
}

function slotsFor(hostname: string | undefined): string[] {
  if (hostname === undefined) return ['any'];
  if (hostname.startsWith('*.')) return [`under ${hostname}`];
  const dot = hostname.indexOf('.');
  return dot < 0 ? [`is ${hostname}`] : [`is ${hostname}`, `is *${hostname.slice(dot)}`];
}

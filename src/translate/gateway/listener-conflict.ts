import { LISTENER_REASON } from '../../api/index.ts';
import { byAge, ordered } from '../precedence.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { type DeclaredListener, ownerKey } from './declared.ts';
import { ANY_HOST, lower } from './hostnames.ts';

/** What a port speaks; different families cannot share one. */
export type Family = 'plain' | 'tls' | 'tcp' | 'udp';

export function familyOf(protocol: string): Family | undefined {
  switch (protocol) {
    case 'HTTP':
      return 'plain';
    case 'HTTPS':
    case 'TLS':
      return 'tls';
    case 'TCP':
      return 'tcp';
    case 'UDP':
      return 'udp';
    default:
      return undefined;
  }
}

/** What a listener takes of its port. UDP has ports of its own. */
export interface Slot {
  port: string;
  family: Family;
  protocol: string;
  hostname: string;
}

/** What is asked of a listener where another one wants its port. */
export interface Claimant extends Pick<DeclaredListener, 'key' | 'owner' | 'position'> {
  spec: Pick<DeclaredListener['spec'], 'name' | 'port' | 'protocol' | 'hostname'>;
}

export function slotOf({ spec }: Pick<Claimant, 'spec'>): Slot | undefined {
  const family = familyOf(spec.protocol);
  if (family === undefined) return undefined;
  const port = `${family === 'udp' ? 'udp' : 'tcp'}:${spec.port}`;
  return { port, family, protocol: spec.protocol, hostname: lower(spec.hostname) ?? ANY_HOST };
}

/** Why two listeners of one port are not distinct, or undefined: traffic can tell them apart. */
export function indistinct(a: Slot, b: Slot): 'ProtocolConflict' | 'HostnameConflict' | undefined {
  if (a.port !== b.port) return undefined;
  if (a.family !== b.family || a.family === 'tcp' || a.family === 'udp') return LISTENER_REASON.ProtocolConflict;
  if (a.hostname !== b.hostname) return undefined;
  return a.protocol === b.protocol ? LISTENER_REASON.HostnameConflict : LISTENER_REASON.ProtocolConflict;
}

/**
 * Conflicts among listeners of one Gateway, by listener key. Listeners of one object that are not distinct are
 * all refused. Between objects the Gateway's own come first, then ListenerSets by age: those that come later lose.
 */
export function conflictsOf(listeners: ReadonlyArray<DeclaredListener>): Map<string, Problem> {
  const conflicts = new Map<string, Problem>();
  if (listeners.length < 2) return conflicts;
  const taken = new Map<string, DeclaredListener[]>();
  for (const own of byOwner(listeners)) {
    const standing = own.filter((one) => {
      const winner = rival(one, taken);
      if (winner !== undefined) conflicts.set(one.key, conflict(one, winner));
      return winner === undefined;
    });
    const ownByPort = portMap(standing);
    for (const one of standing) {
      const other = rival(one, ownByPort);
      if (other !== undefined) conflicts.set(one.key, conflict(one, other));
    }
    for (const one of standing) if (!conflicts.has(one.key)) add(taken, one);
  }
  return conflicts;
}

function byOwner(listeners: ReadonlyArray<DeclaredListener>): DeclaredListener[][] {
  const groups = new Map<string, DeclaredListener[]>();
  for (const one of listeners) {
    const key = ownerKey(one.owner);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return Array.from(groups.values())
    .sort(([a], [b]) => ordered(a!.owner.kind, b!.owner.kind) || byAge(a!.owner, b!.owner))
    .map((group) => group.sort((a, b) => a.position - b.position));
}

function portMap(listeners: ReadonlyArray<DeclaredListener>): Map<string, DeclaredListener[]> {
  const ports = new Map<string, DeclaredListener[]>();
  for (const one of listeners) add(ports, one);
  return ports;
}

/** Under the port, and under port and hostname. */
function add(ports: Map<string, DeclaredListener[]>, one: DeclaredListener): void {
  const slot = slotOf(one);
  if (slot === undefined) return;
  for (const key of [slot.port, `${slot.port}/${slot.hostname}`]) {
    const list = ports.get(key);
    if (list === undefined) ports.set(key, [one]);
    // Two families at most are worth remembering for the port itself: the first of each tells of a clash.
    else if (key !== slot.port || !list.some((other) => slotOf(other)?.family === slot.family)) list.push(one);
    else if (slot.family === 'tcp' || slot.family === 'udp') list.push(one);
  }
}

function rival(one: DeclaredListener, ports: Map<string, DeclaredListener[]>): DeclaredListener | undefined {
  const slot = slotOf(one);
  if (slot === undefined) return undefined;
  const near = [...(ports.get(slot.port) ?? []), ...(ports.get(`${slot.port}/${slot.hostname}`) ?? [])];
  return near.find((other) => other.key !== one.key && indistinct(slot, slotOf(other)!) !== undefined);
}

export function conflict(one: Claimant, other: Claimant): Problem {
  const reason = indistinct(slotOf(one)!, slotOf(other)!)!;
  const whose =
    ownerKey(one.owner) === ownerKey(other.owner)
      ? `listener ${other.spec.name}`
      : `listener ${other.spec.name} of ${other.owner.kind} ${other.owner.namespace}/${other.owner.name}`;
  const message =
    reason === LISTENER_REASON.HostnameConflict
      ? `${whose} has the same port ${one.spec.port} and hostname ${one.spec.hostname ?? '(any)'}: change one of them`
      : `${whose} has the same port ${one.spec.port} with protocol ${other.spec.protocol}: use another port`;
  return problem(reason, `spec.listeners[${one.position}]`, message);
}

/**
 * Settings of which a port has one, since connections come before what tells its listeners apart: whose policy decides.
 */
import type { ClientTraffic } from '../../config/index.ts';
import { ownerKey } from '../gateway/declared.ts';
import type { ListenerView } from '../gateway/listener.ts';
import { byAge } from '../precedence.ts';
import { type AttachedPolicy, named } from './attached-policy.ts';
import type { Reach } from './inheritance.ts';

type Settings = ClientTraffic['spec'];
type View = AttachedPolicy<Settings>;

export const PORT_SETTINGS = ['proxyProtocol', 'connection'] as const;
export type PortSetting = (typeof PORT_SETTINGS)[number];

const WHY: Readonly<Record<PortSetting, string>> = {
  proxyProtocol: 'a port has one PROXY protocol setting, since the header comes before the host name',
  connection: 'a port has one limit of connections, since they come before the host name',
};

/** A listener of a port, and the policy nearest to it. */
export interface PortMember {
  view: ListenerView;
  nearest?: Reach<Settings>;
}

/** Who decides on a setting of the port. */
export interface Decision {
  /** Key of the policy whose setting holds for the port. */
  decides?: string;
  /** A listener of others on the port, for whose sake the nearest policy does not decide. */
  obstacle?: string;
}
export type Decisions = Readonly<Record<PortSetting, Decision>>;

/** What holds on the port, and how each policy stands to it. */
export interface PortOutcome {
  settings: Pick<Settings, PortSetting>;
  /** Key of the policy that decides on a setting. */
  decides: { [S in PortSetting]?: string };
  /** What keeps a policy from deciding, by its key. */
  obstacles: { [policy: string]: { [S in PortSetting]?: string } };
}

/** Of a port of which no policy asks anything. */
export const NOTHING_ASKED: PortOutcome = { settings: {}, decides: {}, obstacles: {} };

/**
 * The oldest policy's settings hold. A policy counts only where it has a say in all listeners of the port, or those of
 * others have the same setting: nobody else may decide whom a listener believes, or how many may come to it. And it
 * counts with all its settings or none, so that its status says what is so.
 */
export function decideOnPort(port: ReadonlyArray<PortMember>): PortOutcome {
  const reaches = new Map(
    port.flatMap(({ nearest }) => (nearest === undefined ? [] : [[nearest.policy.key, nearest]])),
  );
  const obstacles = new Map(
    [...reaches].map(([key, reach]) => [
      key,
      new Map(
        askedBy(reach.policy).flatMap((one) => {
          const obstacle = obstacleOf(one, reach, port);
          return obstacle === undefined ? [] : [[one, obstacle]];
        }),
      ),
    ]),
  );
  const winners = new Map<PortSetting, View>();
  for (const { policy } of [...reaches.values()].sort((a, b) => byAge(a.policy, b.policy))) {
    const asked = askedBy(policy);
    const fits = (one: PortSetting): boolean => {
      const winner = winners.get(one);
      return obstacles.get(policy.key)!.get(one) === undefined && (winner === undefined || agree(one, winner, policy));
    };
    if (asked.every(fits)) for (const one of asked) if (!winners.has(one)) winners.set(one, policy);
  }
  return {
    settings: Object.fromEntries([...winners].map(([one, { settings }]) => [one, settings![one]])),
    decides: Object.fromEntries([...winners].map(([one, { key }]) => [one, key])),
    obstacles: Object.fromEntries([...obstacles].map(([key, own]) => [key, Object.fromEntries(own)])),
  };
}

/** What was decided, as far as it concerns the policy nearest to a listener. */
export function decisionsFor(outcome: PortOutcome, policy: View | undefined): Decisions {
  const of = (setting: PortSetting): Decision => {
    const decides = outcome.decides[setting];
    const obstacle = policy && outcome.obstacles[policy.key]?.[setting];
    return { ...(decides !== undefined && { decides }), ...(obstacle !== undefined && { obstacle }) };
  };
  return { proxyProtocol: of('proxyProtocol'), connection: of('connection') };
}

export function askedBy({ settings }: View): PortSetting[] {
  return PORT_SETTINGS.filter((one) => settings?.[one] !== undefined);
}

function agree(setting: PortSetting, a: View, b: View): boolean {
  return same(a.settings?.[setting], b.settings?.[setting]);
}

/** A listener of the port that the policy has no say in, and that has not the same setting. */
function obstacleOf(
  setting: PortSetting,
  { policy, object }: Reach<Settings>,
  port: ReadonlyArray<PortMember>,
): string | undefined {
  const foreign = port.find(({ view, nearest }) => {
    if (object === `Gateway/${view.gateway}` || object === ownerKey(view.owner)) return false;
    return !same(nearest?.policy.settings?.[setting], policy.settings?.[setting]);
  });
  return foreign && `listener ${foreign.view.spec.name} of ${named(ownerKey(foreign.view.owner))}`;
}

export function same(a: Settings[PortSetting], b: Settings[PortSetting]): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Where a policy stands back on a listener that it is nearest to. */
export interface Standing extends Pick<Settings, PortSetting> {
  name: string;
  port: number;
  decisions: Decisions;
}

/** Why settings of the policy do not hold for the listener's port: one text a setting. */
export function portConflicts(standing: Standing, policy: View): string[] {
  const lost = askedBy(policy).filter((one) => !same(standing[one], policy.settings?.[one]));
  const at = lost.filter((one) => standing.decisions[one].obstacle !== undefined || standing[one] !== undefined);
  const along = lost.filter((one) => !at.includes(one));
  const rest = along.length === 0 ? '' : `; nor does its ${along.join(' and ')} hold there`;
  return at.map((one) => `${portConflict(standing, one)}${rest}`);
}

function portConflict({ name, port, decisions }: Standing, setting: PortSetting): string {
  const { decides, obstacle } = decisions[setting];
  const why = WHY[setting];
  if (decides === undefined)
    return `listener ${name} shares port ${port} with ${obstacle}, in which this policy has no say: ${why}; give both the same setting, or use another port`;
  return `listener ${name} shares port ${port} with one that ${named(decides)} decides for and which comes first: ${why}; make the two equal, or use another port`;
}

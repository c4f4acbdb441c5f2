/** What policies make of a connection, or session, that nobody opens and nobody would read requests from. */
import {
  type Acting,
  type Policy,
  policyKey,
  type Snapshot,
  type Stacked,
  type StreamAccessSettings,
  type StreamLimitSettings,
} from '../../config/index.ts';
import { Policies, type StreamPass } from '../filter/index.ts';
import type { RehearsedStep, RuleWords } from './observer.ts';

export interface RehearsedStream {
  /** Keys. */
  listener: string;
  route: string;
  /** Undefined: nobody said it. */
  clientAddress: string | undefined;
}

const TYPES = ['StreamAccess', 'StreamLimits'] as const satisfies Array<Policy['type']>;
type StreamAct = Acting<StreamAccessSettings | StreamLimitSettings>;

/** Of each policy there, in the order in which they act; nothing is known of connections before it. */
export function rehearseStream(config: Snapshot, stream: RehearsedStream, words: RuleWords): RehearsedStep[] {
  const steps: RehearsedStep[] = [];
  for (const type of TYPES) {
    const inner = actsAt(config, type, stream.route);
    const isTaken = inner.some(({ holds }) => holds === 'Default');
    const outer = actsAt(config, type, stream.listener).filter(({ holds }) => holds === 'Override' || !isTaken);
    for (const act of [...outer, ...inner]) {
      steps.push(stepOf(act, { type, stream, words }));
      if (steps.at(-1)!.decision === 'refuses') return steps;
    }
  }
  return steps;
}

function actsAt(config: Snapshot, type: (typeof TYPES)[number], target: string): StreamAct[] {
  const policy = config.get('Policy', policyKey(type, target));
  // The settings are of this type.
  return policy === undefined ? [] : (policy.spec as Stacked<StreamAccessSettings | StreamLimitSettings>).acts;
}

interface Asked {
  type: (typeof TYPES)[number];
  stream: RehearsedStream;
  words: RuleWords;
}

function stepOf(act: StreamAct, { type, stream, words }: Asked): RehearsedStep {
  const { source, holds, settings } = act;
  const step: RehearsedStep = { type, source, holds, decision: 'passes', says: [] };
  const open = settings && unsure(settings, stream.clientAddress);
  if (open !== undefined) return { ...step, decision: 'undecided', says: [open] };
  if (settings === undefined) return { ...step, decision: 'refuses', says: [act.broken ?? 'it cannot be followed'] };
  const pass = judged(act, { type, stream });
  const says =
    settings.unknown.length > 0
      ? [`asks what no connection has: ${settings.unknown.join(', ')}`]
      : saidBy(pass, (rule) => words({ ...act, type, at: 0 }, rule, 'deny'));
  return { ...step, decision: pass.refusal === '' ? 'passes' : 'refuses', says };
}

function judged(act: StreamAct, { type, stream }: Omit<Asked, 'words'>): StreamPass {
  const { listener, route, clientAddress = '' } = stream;
  const policies = new Policies();
  policies
    .prepare([
      { key: policyKey(type, listener), type, target: { kind: 'Listener', key: listener }, spec: { acts: [act] } },
    ])
    .swap();
  return policies.streamChain(listener, route)!.judge({ listener, route, clientAddress });
}

function saidBy({ told }: StreamPass, words: (rule: string) => string): string[] {
  if (told === null) return [];
  const { rule, decision } = told;
  if (decision === 'limited' || decision === 'would-limit') return [`${decision} by ${words(rule)}`];
  const by = rule === '' ? 'no rule allows it' : `denied by ${words(rule)}`;
  return [decision === 'would-deny' ? `in its shadow: ${by}` : by];
}

/** What it depends on that is not known here. */
function unsure(settings: StreamAccessSettings | StreamLimitSettings, client: string | undefined): string | undefined {
  if ('limits' in settings || settings.unknown.length > 0) return undefined;
  const rules = [...settings.deny, ...settings.allow];
  if (rules.some(({ countries }) => countries !== undefined)) {
    return 'depends on the country of the client, which data planes find in their database';
  }
  const asks = rules.some(({ addresses }) => addresses.length > 0);
  return asks && client === undefined ? 'depends on where the client is: say it with --client-address' : undefined;
}

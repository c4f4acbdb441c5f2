import { isIP } from 'node:net';
import {
  CONDITION,
  GATEWAY_REASON,
  type GatewayStatus,
  LISTENER_REASON,
  type ListenerStatus,
} from '../../api/index.ts';
import type { Index } from '../../graph/index.ts';
import { type AddressRequest, assignAddresses, requestText, SENTINEL } from '../../value/address-request.ts';
import { type ManagedGateway, NO_SUCH_PLACE } from '../gateway/gateway.ts';
import type { ListenerView } from '../gateway/listener.ts';
import type { Lookup } from '../lookup.ts';
import { conditions, fails, holds, judged, unknown, type Verdict } from '../verdict/conditions.ts';
import { describe, type Problem } from '../verdict/problem.ts';
import { listenerProgress, type Progress, type SocketReport } from './programmed.ts';

/** The Gateway API allows no more. */
const MAX_ADDRESSES = 16;

export interface GatewayStatusScope {
  look: Lookup;
  sockets: Index<SocketReport>;
  /** Listeners of the object, in its order. */
  views: ReadonlyArray<ListenerView>;
  attachedRoutes(listener: string): number;
}

/** Not in anybody's way, and nothing in it that cannot be served. */
function isAccepted({ conflict, refusals }: ListenerView): boolean {
  return conflict === undefined && refusals.length === 0;
}

export interface GatewayExtras {
  attachedListenerSets: number;
  /** References of the Gateway itself that do not resolve. */
  unresolved: ReadonlyArray<Problem>;
  insecureClients: boolean;
}

export function gatewayStatus(
  scope: GatewayStatusScope,
  gateway: ManagedGateway,
  extras: GatewayExtras,
): GatewayStatus {
  const accepted = gatewayAccepted(gateway, scope.views);
  const { addresses, missing } = gatewayAddresses(scope, gateway);
  const verdicts = [accepted, gatewayProgrammed(scope, { gateway, accepted, addresses: addresses.length, missing })];
  const assigned = addressesAssigned(addresses.length, missing);
  if (assigned !== undefined) verdicts.push(assigned);
  verdicts.push(gatewayResolved(scope.views, extras.unresolved));
  if (gateway.isDefault)
    verdicts.push(
      holds(CONDITION.DefaultGateway, GATEWAY_REASON.DefaultGateway, 'routes that use default Gateways attach to it'),
    );
  if (extras.insecureClients) {
    const message = 'clients without a valid certificate are let in (AllowInsecureFallback)';
    verdicts.push(holds(CONDITION.InsecureFrontendValidationMode, GATEWAY_REASON.ConfigurationChanged, message));
  }
  return {
    addresses,
    attachedListenerSets: extras.attachedListenerSets,
    conditions: conditions(verdicts, gateway.generation),
    listeners: scope.views.map((view) => listenerStatus(scope, view, gateway)),
  };
}

function gatewayAccepted({ problems }: ManagedGateway, views: ReadonlyArray<ListenerView>): Verdict {
  if (problems.length > 0) return judged(CONDITION.Accepted, problems, { reason: '', message: '' });
  const bad = views.filter((view) => !isAccepted(view));
  if (bad.length === 0) return holds(CONDITION.Accepted, GATEWAY_REASON.Accepted, 'accepted');
  const message = `not accepted: listeners ${bad.map(({ spec }) => spec.name).join(', ')}`;
  if (bad.length === views.length) return fails(CONDITION.Accepted, GATEWAY_REASON.ListenersNotValid, message);
  return holds(CONDITION.Accepted, GATEWAY_REASON.ListenersNotValid, message);
}

interface ProgrammedFacts {
  gateway: ManagedGateway;
  accepted: Verdict;
  addresses: number;
  missing: string | undefined;
}

function gatewayProgrammed(
  scope: GatewayStatusScope,
  { gateway, accepted, addresses, missing }: ProgrammedFacts,
): Verdict {
  const type = CONDITION.Programmed;
  if (accepted.status === 'False') {
    const held = gateway.problems.length > 0 && !gateway.withheld;
    const message = held
      ? 'not accepted: what was made for it stays as it is'
      : 'not accepted, so no data plane serves it';
    return fails(type, GATEWAY_REASON.Invalid, message);
  }
  if (gateway.unassigned !== undefined) return fails(type, GATEWAY_REASON.AddressNotAssigned, gateway.unassigned);
  const problem = scope.look.context.fetch(scope.look.inputs.addresses, gateway.key)?.problem;
  if (problem !== undefined && !scope.look.options.shared) return fails(type, problem.reason, problem.message);
  const served = scope.views.filter(({ config }) => config !== undefined);
  if (served.length === 0) return fails(type, GATEWAY_REASON.Invalid, 'none of its listeners can be served');
  const progress = served.map((view) => ({ view, ...listenerProgress(scope.look, scope.sockets, view.config!) }));
  const failed = progress.filter(({ state }) => state === 'failed');
  if (failed.length > 0) {
    const message = failed
      .map(({ view, code, message }) => `listener ${view.spec.name}: ${code}: ${message}`)
      .join('; ');
    const unusable = failed.some(({ code }) => code === 'DMN_ADDRESS_UNAVAILABLE');
    return fails(type, unusable ? GATEWAY_REASON.AddressNotUsable : GATEWAY_REASON.Invalid, message);
  }
  if (progress.some(({ state }) => state === 'pending')) {
    return unknown(type, GATEWAY_REASON.Pending, 'not every data plane has acknowledged it yet');
  }
  if (addresses === 0) return fails(type, GATEWAY_REASON.AddressNotAssigned, missing ?? 'no address is assigned yet');
  return holds(type, GATEWAY_REASON.Programmed, 'every data plane serves it');
}

function gatewayResolved(views: ReadonlyArray<ListenerView>, own: ReadonlyArray<Problem>): Verdict {
  const type = CONDITION.ResolvedRefs;
  if (own.length > 0) return judged(type, own, { reason: '', message: '' });
  const bad = views.filter(({ unresolved }) => unresolved.length > 0).map(({ spec }) => spec.name);
  if (bad.length === 0) return holds(type, GATEWAY_REASON.ResolvedRefs, 'every reference resolves');
  return fails(type, GATEWAY_REASON.ListenersNotResolved, `references do not resolve: listeners ${bad.join(', ')}`);
}

const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

interface GatewayAddresses {
  addresses: Array<{ type: string; value: string; routability: string }>;
  /** Which of those that are asked for are not there, each with the reason. */
  missing: string | undefined;
}

/** Not before it is known what became of what is asked for. */
function addressesAssigned(addresses: number, missing: string | undefined): Verdict | undefined {
  const type = CONDITION.AddressesAssigned;
  if (missing === undefined)
    return addresses === 0 ? undefined : holds(type, GATEWAY_REASON.AddressesAssigned, 'every address is assigned');
  return fails(type, addresses === 0 ? GATEWAY_REASON.NotAssigned : GATEWAY_REASON.PartiallyAssigned, missing);
}

/** Where one fleet serves all Gateways, what its sockets are bound to; else what infrastructure assigned. */
function gatewayAddresses(scope: GatewayStatusScope, gateway: ManagedGateway): GatewayAddresses {
  const { look, sockets, views } = scope;
  if (!look.options.shared) {
    const { addresses = [], missing } = look.context.fetch(look.inputs.addresses, gateway.key) ?? {};
    return { addresses, missing };
  }
  if (gateway.unassigned !== undefined) return { addresses: [], missing: gateway.unassigned };
  const bound = new Set<string>();
  const published = look.options.publishedAddresses ?? [];
  for (const { key, config } of views) {
    if (config === undefined) continue;
    for (const { bound: own } of look.context.fetch(sockets, key) ?? []) for (const at of own) bound.add(host(at));
  }
  // Nothing is published of a Gateway that serves nowhere.
  const elsewhere = bound.size > 0 && published.length > 0;
  const found = Array.from(elsewhere ? published : reachedAt(bound, look.options.machineAddresses), (value) => ({
    value,
    routability: '',
  })).sort((a, b) => (a.value < b.value ? -1 : 1));
  // A wildcard is every address of its family.
  const wide = gateway.requests.some(({ value = '' }) => WILDCARDS.has(value));
  const requests = elsewhere || wide || bound.size === 0 ? [] : gateway.requests;
  const { given, missing } = assignAddresses(requests, found);
  const addresses = given
    .slice(0, MAX_ADDRESSES)
    .map((one) => ({ type: isIP(one.value) === 0 ? 'Hostname' : 'IPAddress', ...one }));
  const texts = missing.map((at) => `${requestText(requests[at]!, at)}: ${whyMissing(requests[at]!)}`);
  return { addresses, missing: texts.length === 0 ? undefined : texts.join('; ') };
}

function whyMissing({ routability }: AddressRequest): string {
  return routability === '' || routability === SENTINEL ? 'this machine has no further address' : NO_SUCH_PLACE;
}

/** Nobody connects to a wildcard: the machine's addresses of its family stand in its place. */
function reachedAt(bound: ReadonlySet<string>, machine: ReadonlyArray<string> = []): Set<string> {
  const both = bound.has('::') && !bound.has('0.0.0.0');
  const of = (wildcard: string): ReadonlyArray<string> => {
    const family = wildcard === '::' ? 6 : 4;
    const own = machine.filter((address) => isIP(address) === family || both);
    return own.length > 0 ? own : [wildcard];
  };
  return new Set(
    [...bound].flatMap((address) => (address === '::' || address === '0.0.0.0' ? of(address) : [address])),
  );
}

/** `address:port` or `[address]:port`. */
function host(bound: string): string {
  return bound.slice(0, bound.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

export function listenerStatus(scope: GatewayStatusScope, view: ListenerView, gateway: ManagedGateway): ListenerStatus {
  const { spec, supportedKinds, conflict, refusals, unresolved } = view;
  const faults = conflict === undefined ? refusals : [conflict, ...refusals];
  const verdicts = [
    judged(CONDITION.Accepted, faults, {
      reason: LISTENER_REASON.Accepted,
      message: ['accepted', view.taken, view.optionless].filter((text) => text !== undefined).join('; '),
    }),
    listenerProgrammed(scope, view, gateway),
    judged(CONDITION.ResolvedRefs, unresolved, {
      reason: LISTENER_REASON.ResolvedRefs,
      message: 'every reference resolves',
    }),
    conflict === undefined
      ? fails(CONDITION.Conflicted, LISTENER_REASON.NoConflicts, 'no conflicts')
      : holds(CONDITION.Conflicted, conflict.reason, describe([conflict])),
  ];
  if (view.overlap !== undefined && view.config !== undefined) {
    const message = `hostnames overlap with listener ${view.overlap}: clients may reuse a connection to one for the other`;
    verdicts.push(holds(CONDITION.OverlappingTLSConfig, LISTENER_REASON.OverlappingHostnames, message));
  }
  const attachedRoutes = scope.attachedRoutes(view.key);
  return { name: spec.name, supportedKinds, attachedRoutes, conditions: conditions(verdicts, view.generation) };
}

function listenerProgrammed(scope: GatewayStatusScope, view: ListenerView, gateway: ManagedGateway): Verdict {
  const type = CONDITION.Programmed;
  if (view.conflict !== undefined) return fails(type, view.conflict.reason, 'conflicted, so no data plane serves it');
  if (gateway.unassigned !== undefined)
    return fails(type, LISTENER_REASON.Invalid, 'its Gateway has no address that it asks for');
  if (gateway.withheld) return fails(type, LISTENER_REASON.Invalid, 'its Gateway is not accepted');
  if (view.config === undefined) {
    const [first, ...others] = [...view.refusals, ...view.unresolved];
    const more = others.length === 0 ? '' : `; and ${others.length} more`;
    return fails(type, LISTENER_REASON.Invalid, `not served: ${first!.message}${more}`);
  }
  return progressVerdict(listenerProgress(scope.look, scope.sockets, view.config));
}

function progressVerdict({ state, code, message }: Progress): Verdict {
  const type = CONDITION.Programmed;
  switch (state) {
    case 'serving':
      return holds(type, LISTENER_REASON.Programmed, 'every data plane serves it');
    case 'pending':
      return unknown(type, LISTENER_REASON.Pending, 'not every data plane has acknowledged it yet');
    case 'failed':
      return fails(type, LISTENER_REASON.Invalid, `${code}: ${message}`);
  }
}

/**
 * What data planes cannot use of what a policy comes to, or serve with less than it asks: told in its status, for the
 * Gateways whose data planes say so.
 */
import type { ConfigObject, Delivery, Policy } from '../../config/index.ts';
import { type Context, type Index, index, join } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import { oldest, type Policies } from './attached-policy.ts';

export interface PolicyRefusal {
  /** Key of the user's policy. */
  policy: string;
  /** Whose data planes: a Gateway's `namespace/name`, or '' where one fleet serves all. */
  fleet: string;
  message: string;
  /** Told by a data plane that serves it with less. */
  partly: boolean;
}

/** Keys of the users' policies behind a config object that does not name them itself. */
export type StandsFor = (context: Context, object: ConfigObject) => string[];

/** By key of the policy. Costs where something is refused, and else nothing. */
export function policyRefusals(graph: Graph, standing: readonly StandsFor[]): Index<PolicyRefusal> {
  const refused = graph.derive('refused policies', graph.rejections, (context, delivery, at) => {
    const { object } = delivery;
    const policies = [...namedBy(object), ...standing.flatMap((standsFor) => standsFor(context, object))];
    return [...new Set(policies)].map((policy) => [`${at} ${policy}`, refusalOf(delivery, policy, at)] as const);
  });
  const short = graph.derive('policies in part', graph.inputs.acks, (_context, { proxy, shortfalls = [] }, key) =>
    shortfalls.map(({ policy, message }, at): readonly [string, PolicyRefusal] => [
      `${key}#${at}`,
      { policy, fleet: fleetIn(key), message: `${proxy}: ${message}`, partly: true },
    ]),
  );
  return index('refusals by policy', join('policy refusals', [refused, short]), ({ policy }) => [policy]);
}

/** Policies of a kind that is attached to Services, behind what data planes have for a port of one (key of a Backend). */
export function policiesOfPort<S>(
  { graph, policies }: { graph: Graph; policies: Policies<S> },
  context: Context,
  backend: string,
): string[] {
  const [, service, port] = /^([^/]+\/[^/:;]+):(\d+)/.exec(backend) ?? [];
  if (service === undefined || backend.endsWith(';import')) return [];
  const object = `Service/${service}`;
  const own = context.fetch(policies.byObject, object) ?? [];
  const ports = context.fetch(graph.inputs.Service, object)?.spec.ports ?? [];
  const names = ports.filter((one) => one.port === Number(port)).flatMap(({ name }) => name ?? []);
  return ['', ...names].flatMap((section) => oldest(own, { object, section })?.key ?? []);
}

function refusalOf({ code, message }: Delivery, policy: string, at: string): PolicyRefusal {
  return { policy, fleet: fleetIn(at), message: `${code}: ${message}`, partly: false };
}

/** Of a `deliveryKey`, or of the key of an acknowledgement. */
function fleetIn(key: string): string {
  return key.slice(0, Math.max(key.indexOf('>'), 0));
}

/** Most config objects of policies say whose they are. */
function namedBy(object: ConfigObject): string[] {
  if (object.kind === 'Credential') return [object.key.split('/').slice(0, 3).join('/')];
  return object.kind === 'Policy' ? sourcesOf(object) : [];
}

function sourcesOf({ spec }: Policy): string[] {
  if ('acts' in spec) return spec.acts.map(({ source }) => source);
  return 'source' in spec ? [spec.source] : [];
}

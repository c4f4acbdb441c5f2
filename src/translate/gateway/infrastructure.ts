import {
  type DaemunParametersSpec,
  GATEWAY_REASON,
  type Gateway,
  type InfrastructurePort,
  PUBLISH_SERVICE_ANNOTATION,
  type WantedInfrastructure,
} from '../../api/index.ts';
import { type Collection, index, join } from '../../graph/index.ts';
import { requestText, SENTINEL } from '../../value/address-request.ts';
import { find, type Lookup } from '../lookup.ts';
import type { Graph } from '../stage.ts';
import type { ManagedGateway } from './gateway.ts';
import type { AdoptedClass } from './gateway-class.ts';
import { isParameters, isProblem, mergedParameters, readParameters } from './parameters.ts';
import type { GatewayPort } from './port-allotment.ts';

interface Known {
  classes: Collection<AdoptedClass>;
  gateways: Collection<ManagedGateway>;
  opened: Collection<GatewayPort>;
}

/** What is to be made for each Gateway, by its object key; nothing where one fleet serves all. */
export function deriveInfrastructure(
  graph: Graph,
  { classes, gateways, opened }: Known,
): Collection<WantedInfrastructure> {
  if (graph.options.shared) return join<WantedInfrastructure>('no infrastructure', []);
  const ports = index('ports by gateway', opened, ({ gateway }) => [gateway]);
  return graph.derive('infrastructure', gateways, (context, gateway, key) => {
    const look = graph.look(context);
    const object = find(look, 'Gateway', gateway);
    const adopted = object && context.fetch(classes, `GatewayClass//${object.spec.gatewayClassName}`);
    if (object === undefined || adopted === undefined) return [];
    // What everybody may reach by the Service, and past the NetworkPolicy: not what is meant for who reads metrics.
    const own = (context.fetch(ports, gateway.key) ?? [])
      .map(({ port }) => port)
      .filter(({ port, protocol }) => protocol !== 'TCP' || port !== gateway.ownPort);
    return [[key, { ...wantedOf(look, { object, adopted, gateway }), ports: own.sort(byPort) }]];
  });
}

interface Wanting {
  object: Gateway;
  adopted: AdoptedClass;
  gateway: ManagedGateway;
}

function wantedOf(look: Lookup, { object, adopted, gateway }: Wanting): Omit<WantedInfrastructure, 'ports'> {
  const { namespace, name } = gateway;
  const { labels = {}, annotations = {} } = object.spec.infrastructure ?? {};
  const problem = gateway.problems.find(({ reason, keeps }) => keeps || reason !== GATEWAY_REASON.UnsupportedAddress);
  const parameters = mergedParameters(adopted.parameters, ownParameters(look, object));
  const held = problem === undefined ? heldByRequests(gateway, parameters) : `${problem.field}: ${problem.message}`;
  return {
    namespace,
    name,
    uid: object.metadata.uid ?? '',
    className: adopted.name,
    labels,
    annotations,
    requests: gateway.requests,
    parameters,
    ...(held === undefined ? {} : { held }),
    ...(adopted.unmanaged === undefined ? {} : { unmanaged: publishing(object, adopted.unmanaged) }),
  };
}

/** Pods on the network of their nodes are reached from elsewhere, whatever their Service says. */
function heldByRequests({ requests }: ManagedGateway, { pod }: DaemunParametersSpec): string | undefined {
  const anyhow = requests.some(({ routability }) => routability === '' || routability === SENTINEL);
  if (pod?.hostNetwork !== true || requests.length === 0 || anyhow) return undefined;
  return `${requests.map(requestText).join(', ')}: pods are on the network of their nodes (pod.hostNetwork), where they are reached from elsewhere`;
}

/** A Gateway names a Service beside it: what there is in other namespaces is not for its author to see. */
function publishing(
  { metadata }: Gateway,
  ofClass: NonNullable<AdoptedClass['unmanaged']>,
): NonNullable<WantedInfrastructure['unmanaged']> {
  const { namespace = '', annotations } = metadata;
  const own = annotations?.[PUBLISH_SERVICE_ANNOTATION];
  if (own === undefined) return ofClass;
  return { publishService: own.startsWith(`${namespace}/`) ? own : `${namespace}/${own}` };
}

function ownParameters(look: Lookup, { metadata, spec }: Gateway) {
  const reference = spec.infrastructure?.parametersRef;
  if (reference === undefined || !isParameters(reference)) return undefined;
  const { namespace = '' } = metadata;
  const read = readParameters(look, { ...reference, namespace }, { field: '', reason: '' });
  return isProblem(read) ? undefined : read;
}

function byPort(a: InfrastructurePort, b: InfrastructurePort): number {
  return a.port - b.port || (a.protocol < b.protocol ? -1 : 1);
}

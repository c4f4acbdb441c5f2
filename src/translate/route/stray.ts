import { GATEWAY_GROUP, keyOf } from '../../api/index.ts';
import { type Collection, type Context, join } from '../../graph/index.ts';
import type { Listeners } from '../gateway/listeners.ts';
import type { Graph } from '../stage.ts';
import { absent, type Diagnostic, diagnosis, nameOfKey } from '../verdict/problem.ts';
import type { RouteResource } from './route.ts';

/**
 * Objects that lead nowhere. In a cluster they may be another controller's, or not yet complete; where all classes
 * are adopted nobody else will serve them, so a name that does not exist is most likely a slip.
 */
export function strayDiagnostics(graph: Graph, listeners: Listeners): Collection<Diagnostic> {
  const { inputs, options } = graph;
  if (options.controllerNames !== undefined) return join('no stray objects', []);
  const gateways = graph.derive('stray gateways', inputs.Gateway, (context, gateway, key) => {
    const name = gateway.spec.gatewayClassName;
    if (context.fetch(listeners.classes, `GatewayClass//${name}`) !== undefined) return [];
    const message = options.shared
      ? `GatewayClass ${name} does not exist; served all the same, but a cluster needs one`
      : `GatewayClass ${name} does not exist: add one, any controllerName will do`;
    const problem = { field: 'spec.gatewayClassName', message, missing: `GatewayClass//${name}` };
    return [[`${key}#class`, diagnosis(options.shared ? 'warning' : 'error', key, problem)] as const];
  });
  const routes = [inputs.HTTPRoute, inputs.GRPCRoute, inputs.TLSRoute, inputs.TCPRoute, inputs.UDPRoute].map((input) =>
    strayRoutes(graph, input, listeners),
  );
  return join<Diagnostic>('stray objects', [gateways, straySets(graph, listeners), ...routes]);
}

function straySets({ inputs, derive }: Graph, { sets }: Listeners): Collection<Diagnostic> {
  return derive('stray listenersets', inputs.ListenerSet, (context, { metadata, spec }, key) => {
    const { group = GATEWAY_GROUP, kind = 'Gateway', namespace = metadata.namespace ?? '', name } = spec.parentRef;
    if (group !== GATEWAY_GROUP || kind !== 'Gateway' || context.fetch(sets, key) !== undefined) return [];
    const gateway = keyOf('Gateway', namespace, name);
    const field = 'spec.parentRef';
    const there = context.fetch(inputs.Gateway, gateway) !== undefined;
    const problem = there ? { field, message: `${nameOfKey(gateway)} is not served` } : absent('', field, gateway);
    return [[`${key}#parent`, diagnosis('error', key, problem)]];
  });
}

function strayRoutes(graph: Graph, routes: Collection<RouteResource>, listeners: Listeners): Collection<Diagnostic> {
  const usesDefault = (context: Context, { spec }: RouteResource): boolean =>
    spec.useDefaultGateways === 'All' && (context.fetch(listeners.defaults, 'All') ?? []).length > 0;
  return graph.derive(`stray parents of ${routes.name}`, routes, (context, route, key) => {
    const found: Array<readonly [string, Diagnostic]> = [];
    for (const [at, { group = GATEWAY_GROUP, kind = 'Gateway', namespace, name }] of (
      route.spec.parentRefs ?? []
    ).entries()) {
      if (group !== GATEWAY_GROUP || (kind !== 'Gateway' && kind !== 'ListenerSet')) continue;
      const parent = `${kind}/${namespace ?? route.metadata.namespace ?? ''}/${name}`;
      if (context.fetch<unknown>(kind === 'Gateway' ? listeners.gateways : listeners.sets, parent) !== undefined)
        continue;
      const there = context.fetch<unknown>(graph.inputs[kind], parent) !== undefined;
      const field = `spec.parentRefs[${at}]`;
      const problem = there ? { field, message: `${nameOfKey(parent)} is not served` } : absent('', field, parent);
      found.push([`${key}#parent${at}`, diagnosis('error', key, problem)]);
    }
    if ((route.spec.parentRefs ?? []).length === 0 && !usesDefault(context, route)) {
      const message = 'names no parent, so nothing serves this route: name a Gateway';
      found.push([`${key}#parents`, { severity: 'warning', object: key, field: 'spec.parentRefs', message }]);
    }
    return found;
  });
}

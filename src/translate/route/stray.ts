import { GATEWAY_GROUP } from '../../api/index.ts';
import { type Collection, join } from '../../graph/index.ts';
import type { Listeners } from '../gateway/listeners.ts';
import type { Graph } from '../stage.ts';
import type { Diagnostic } from '../verdict/problem.ts';
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
    return [
      [
        `${key}#class`,
        { severity: options.shared ? 'warning' : 'error', object: key, field: 'spec.gatewayClassName', message },
      ] as const,
    ];
  });
  const routes = [inputs.HTTPRoute, inputs.GRPCRoute, inputs.TLSRoute, inputs.TCPRoute, inputs.UDPRoute].map((input) =>
    strayRoutes(graph, input, listeners),
  );
  return join<Diagnostic>('stray objects', [gateways, ...routes]);
}

function strayRoutes(graph: Graph, routes: Collection<RouteResource>, listeners: Listeners): Collection<Diagnostic> {
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
      const message = `${kind} ${parent.slice(kind.length + 1)} ${there ? 'is not served' : 'does not exist'}`;
      found.push([`${key}#parent${at}`, { severity: 'error', object: key, field: `spec.parentRefs[${at}]`, message }]);
    }
    return found;
  });
}

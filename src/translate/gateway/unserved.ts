import type { Collection } from '../../graph/index.ts';
import type { Graph } from '../stage.ts';
import type { Listeners } from './listeners.ts';

/** A listener that no data plane is told of, and why. */
export interface UnservedListener {
  /** As its config object would have. */
  key: string;
  protocol: string;
  port: number;
  hostname?: string;
  message: string;
}

export function deriveUnserved(
  graph: Graph,
  { gateways, views }: Pick<Listeners, 'gateways' | 'views'>,
): Collection<UnservedListener> {
  return graph.derive('listeners not served', views, (context, view, key) => {
    if (view.config !== undefined) return [];
    const { protocol, port, hostname } = view.spec;
    const { problems = [], unassigned } = context.fetch(gateways, `Gateway/${view.gateway}`) ?? {};
    const conflict = view.conflict === undefined ? [] : [view.conflict];
    const [first] = [...conflict, ...problems, ...view.refusals, ...view.unresolved];
    const message = first?.message ?? unassigned ?? 'no kind of route may attach to it';
    return [[key, { key, protocol, port, ...(hostname === undefined ? {} : { hostname }), message }]];
  });
}

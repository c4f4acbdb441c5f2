/** The certificates that listeners wait for and somebody may obtain. */
import type { WantedCertificate } from '../../api/index.ts';
import type { Collection } from '../../graph/index.ts';
import { lower } from '../gateway/hostnames.ts';
import type { Listeners } from '../gateway/listeners.ts';
import { isGiven } from '../gateway/provided.ts';
import type { Graph } from '../stage.ts';
import type { JudgedRoute } from './route.ts';
import type { Routes } from './routes.ts';

/** By listener key. A listener of one host wants it; others want the hosts of the routes that attach to them. */
export function deriveWanted(
  graph: Graph,
  { views, provided }: Listeners,
  { attached, judged }: Routes,
): Collection<WantedCertificate> {
  return graph.derive('certificates to obtain', views, (context, view, key) => {
    if (!view.obtains || view.config === undefined) return [];
    const own = lower(view.spec.hostname);
    const names = new Set<string>();
    if (own !== undefined && isExact(own)) names.add(own);
    else {
      for (const route of context.fetch(attached, key) ?? []) {
        for (const host of hostsOf(context.fetch(judged, route.key), key)) if (isExact(host)) names.add(host);
      }
    }
    const look = graph.look(context);
    const wanted = [...names].filter((name) => !isGiven(look, provided, name)).sort();
    return [[key, { listener: key, names: wanted }]];
  });
}

/** No wildcard, and a name that a public authority could know. */
function isExact(host: string): boolean {
  return !host.startsWith('*') && host.includes('.');
}

function hostsOf(route: JudgedRoute | undefined, listener: string): string[] {
  const points = (route?.parents ?? []).filter(({ refusal }) => refusal === undefined).flatMap(({ points }) => points);
  return points.filter((point) => point.listener === listener).flatMap(({ hosts }) => hosts.map((one) => one.hostname));
}

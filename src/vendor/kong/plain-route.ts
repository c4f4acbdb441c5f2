/** Routes that are for TLS alone, as Kong's `protocols` has it: two routes in the place of one. */
import type { AnyResource, HTTPRoute } from '../../api/index.ts';
import type { Finding } from '../finding.ts';
import { ownPolicy, targetOf } from '../ours.ts';
import type { Site } from '../suggest/site.ts';
import { PROTOCOLS } from './annotation.ts';
import type { KongReading } from './object-reading.ts';
import { type PlainStatus, redirectFilter } from './route-reading.ts';

type ParentReferences = NonNullable<HTTPRoute['spec']['parentRefs']>;

/** The route's parents, listener by listener. */
export function listenersOf(
  site: Site,
  { metadata, spec }: HTTPRoute,
  takes: (protocol: string) => boolean,
): ParentReferences {
  return (spec.parentRefs ?? []).flatMap((ref) => {
    const gateway = site.find('Gateway', ref.namespace ?? metadata.namespace ?? '', ref.name);
    const found = (gateway?.spec.listeners ?? []).filter(
      ({ protocol, name, port }) =>
        takes(protocol) && (ref.sectionName ?? name) === name && (ref.port ?? port) === port,
    );
    return found.map((listener) => ({ ...ref, sectionName: listener.name }));
  });
}

export function unknownListeners(site: Site, route: HTTPRoute, { plain }: KongReading): Finding[] {
  if (plain === undefined || listenersOf(site, route, () => true).length > 0) return [];
  const why = 'no listener of it is known: the route stays as it is until it is checked together with its Gateways';
  return [{ field: PROTOCOLS, fate: 'Lost', why }];
}

/** For listeners without TLS, what is answered in the place of the route. */
export function plainRoute(site: Site, route: HTTPRoute, plain: PlainStatus): AnyResource[] {
  const { namespace = '', name } = route.metadata;
  const parentRefs = listenersOf(site, route, (protocol) => protocol === 'HTTP');
  if (parentRefs.length === 0) return [];
  const metadata = { namespace, name: `${name}-without-tls` };
  const { hostnames } = route.spec;
  const rules = (route.spec.rules ?? []).map(({ matches }) => ({
    matches,
    ...(plain === 426 ? {} : { filters: [redirectFilter(plain)] }),
  }));
  const made = ownPolicy('HTTPRoute', metadata, { parentRefs, ...(hostnames ? { hostnames } : {}), rules });
  if (plain !== 426) return [made];
  const directResponse = {
    statusCode: plain,
    contentType: 'application/json; charset=utf-8',
    body: '{"message":"Please use HTTPS protocol"}',
  };
  const targetRefs = [targetOf('HTTPRoute', metadata.name)];
  return [made, ownPolicy('ResponsePolicy', metadata, { targetRefs, directResponse })];
}

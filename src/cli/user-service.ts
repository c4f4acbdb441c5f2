/** Services of users that lead to data planes which nobody makes, as the source has them. */
import { type EndpointSlice, SERVICE_NAME_LABEL } from '../api/index.ts';
import type { Change } from '../graph/index.ts';
import type { LiveObject, PublishedService } from '../reconcile/index.ts';
import type { ResourceCollections } from '../sources/index.ts';

type Collections = Pick<ResourceCollections, 'Service' | 'EndpointSlice'>;

export function userServices({ Service, EndpointSlice }: Collections): Omit<PublishedService, 'fallback'> {
  return {
    find: (namespace, name) => Service.get(`Service/${namespace}/${name}`) as LiveObject | undefined,
    names: (namespace) =>
      Array.from(Service.values())
        .filter(({ metadata }) => metadata.namespace === namespace)
        .map(({ metadata }) => metadata.name)
        .sort(),
    nodesOf: (namespace, name) => {
      const own = Array.from(EndpointSlice.values()).filter((slice) => serviceOf(slice) === `${namespace}/${name}`);
      const ready = own.flatMap(({ endpoints }) =>
        (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false),
      );
      return new Set(ready.flatMap(({ nodeName }) => nodeName ?? []));
    },
  };
}

/** Tells which Services, by `namespace/name`, have changed, or what is behind them. */
export function followUserServices(
  { Service, EndpointSlice }: Collections,
  onChange: (names: ReadonlySet<string>) => void,
): void {
  Service.subscribe((changes) => onChange(new Set(changes.map(({ key }) => key.slice(key.indexOf('/') + 1)))));
  EndpointSlice.subscribe((changes) => onChange(new Set(changes.flatMap(servicesOf))));
}

function servicesOf({ before, after }: Change<EndpointSlice>): string[] {
  return [before, after].flatMap((slice) => (slice && serviceOf(slice)) ?? []);
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? undefined : `${metadata.namespace ?? ''}/${name}`;
}

/** All objects that a suggestion may look at. */
import {
  type AnyResource,
  type BackendRef,
  type GRPCRoute,
  type HTTPRoute,
  type Kind,
  keyOf,
  type ResourceByKind,
} from '../../api/index.ts';
import { isObject, type JsonObject } from '../../value/json-object.ts';
import type { VendorTarget } from './vendor-target.ts';

/** An object that is not ours, as it was written. */
export interface ForeignObject {
  apiVersion: string;
  kind: string;
  metadata: { namespace: string; name: string; labels?: Record<string, string> };
  value: JsonObject;
}

/** Undefined: it has no name. */
export function foreignObject(value: JsonObject): ForeignObject | undefined {
  const { apiVersion, kind, metadata } = value;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !isObject(metadata)) return undefined;
  const { name, namespace } = metadata;
  if (typeof name !== 'string') return undefined;
  return {
    apiVersion,
    kind,
    value,
    metadata: { name, namespace: typeof namespace === 'string' ? namespace : 'default' },
  };
}

export class Site {
  readonly #own: ReadonlyMap<string, AnyResource>;
  readonly #foreign: readonly ForeignObject[];

  constructor(own: Iterable<[string, AnyResource]>, foreign: readonly ForeignObject[]) {
    this.#own = new Map(own);
    this.#foreign = foreign;
  }

  /** Objects of another gateway, as they were written. */
  foreign(kind: string, namespace: string): JsonObject[] {
    return this.#foreign
      .filter((one) => one.kind === kind && one.metadata.namespace === namespace)
      .map(({ value }) => value);
  }

  find<K extends Kind>(kind: K, namespace: string, name: string): ResourceByKind[K] | undefined {
    return this.#own.get(keyOf(kind, namespace, name)) as ResourceByKind[K] | undefined;
  }

  all<K extends Kind>(kind: K): ResourceByKind[K][] {
    return [...this.#own.values()].filter((one) => one.kind === kind) as ResourceByKind[K][];
  }

  routes(): Array<HTTPRoute | GRPCRoute> {
    return [...this.all('HTTPRoute'), ...this.all('GRPCRoute')];
  }

  /** Of the namespace, with these labels. */
  labelled(kind: Kind, namespace: string, labels: Record<string, string>): string[] {
    return this.all(kind)
      .filter(({ metadata }) => metadata.namespace === namespace)
      .filter(({ metadata }) => Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value))
      .map(({ metadata }) => metadata.name);
  }

  /** Names of Services of the namespace behind a target: it, or what routes send there. */
  servicesBehind(namespace: string, { kind, name, sectionName }: VendorTarget): string[] {
    if (kind === 'Service') return [name];
    const routes = this.routes().filter((route) =>
      kind === 'HTTPRoute' || kind === 'GRPCRoute'
        ? route.kind === kind && route.metadata.namespace === namespace && route.metadata.name === name
        : isAttached(route, { kind, namespace, name }),
    );
    const names = routes.flatMap(({ metadata, spec }) =>
      (spec.rules ?? [])
        .filter((rule) => sectionName === undefined || kind === 'Gateway' || rule.name === sectionName)
        .flatMap((rule): readonly BackendRef[] => rule.backendRefs ?? [])
        .filter((ref) => (ref.kind ?? 'Service') === 'Service')
        .filter((ref) => (ref.namespace ?? metadata.namespace) === namespace)
        .map((ref) => ref.name),
    );
    return [...new Set(names)];
  }

  /** A BackendTLSPolicy has TLS spoken with the Service, or with one of its ports. */
  hasTls(namespace: string, service: string): boolean {
    return this.all('BackendTLSPolicy').some(
      ({ metadata, spec }) =>
        metadata.namespace === namespace &&
        spec.targetRefs.some(({ kind, name }) => kind === 'Service' && name === service),
    );
  }

  /** HTTPRoutes of the namespace with a filter that refers to this object, and the places of their rules. */
  referring(kind: string, namespace: string, name: string): Array<{ route: HTTPRoute; rules: number[] }> {
    return this.all('HTTPRoute').flatMap((route) => {
      if (route.metadata.namespace !== namespace) return [];
      const rules = (route.spec.rules ?? []).flatMap(({ filters = [] }, at) =>
        filters.some(({ extensionRef }) => extensionRef?.kind === kind && extensionRef.name === name) ? [at] : [],
      );
      return rules.length === 0 ? [] : [{ route, rules }];
    });
  }
}

interface Parent {
  kind: string;
  namespace: string;
  name: string;
}

function isAttached({ metadata, spec }: HTTPRoute | GRPCRoute, parent: Parent): boolean {
  return (spec.parentRefs ?? []).some(
    ({ kind = 'Gateway', namespace = metadata.namespace, name }) =>
      kind === parent.kind && namespace === parent.namespace && name === parent.name,
  );
}

/** Manifests of Kong's: annotations, plugins and consumers. */
import { backendRefs, httpRoute } from '../served/manifest.ts';

export type Annotations = Record<string, string>;

export function annotated(object: object, annotations: Annotations): object {
  const { metadata, ...rest } = object as { metadata: object };
  return { ...rest, metadata: { ...metadata, annotations } };
}

export function plugin(name: string, kind: string, config: object = {}, more: object = {}): object {
  return {
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongPlugin',
    metadata: { name },
    plugin: kind,
    config,
    ...more,
  };
}

export function consumer(name: string, ...credentials: string[]): object {
  return namedConsumer(name, { username: name }, credentials);
}

function namedConsumer(name: string, names: object, credentials: string[], ingressClass?: string): object {
  const annotations = ingressClass === undefined ? {} : { 'kubernetes.io/ingress.class': ingressClass };
  const metadata = { name, annotations };
  return { apiVersion: 'configuration.konghq.com/v1', kind: 'KongConsumer', metadata, ...names, credentials };
}

export function credential(name: string, type: string, stringData: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels: { 'konghq.com/credential': type } },
    stringData,
  };
}

/** One route a host, with these plugins. */
export function route(name: string, annotations: Annotations, spec: object = {}): object {
  return annotated(httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`], ...spec }), annotations);
}

export function plugins(names: string): Annotations {
  return { 'konghq.com/plugins': names };
}

/** Which Secrets and ConfigMaps an object refers to. Those, and no others, are read with their contents. */
import { type KongConsumer, keyOf, type Resource } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';

const READ_IN_FULL = ['Secret', 'ConfigMap'];

/**
 * Keys of all that a spec names as a reference: any object in it with a kind of these and a name. More than is meant
 * may be found; fewer never. Whether the reference is permitted is judged where it is resolved.
 */
export function referencedBy(resource: Resource): string[] {
  const found = new Set<string>();
  const { kind, metadata } = resource;
  if (kind === 'KongConsumer') {
    // By name alone, and with no spec.
    const { credentials = [] } = resource as KongConsumer;
    return credentials.map((name) => keyOf('Secret', metadata.namespace ?? '', name));
  }
  walk((resource as { spec?: unknown }).spec, resource.metadata.namespace ?? '', found);
  return [...found];
}

/** Labels of Secrets that an object asks for without their names, in its own namespace. None at all selects nothing. */
export function selectedBy(resource: Resource): Array<Record<string, string>> {
  return resource.kind === 'AuthenticationPolicy' ? selectorsIn((resource as { spec?: unknown }).spec) : [];
}

function selectorsIn(value: unknown): Array<Record<string, string>> {
  if (Array.isArray(value)) return value.flatMap(selectorsIn);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name !== 'secretSelector') return selectorsIn(inner);
    const labels = isObject(inner) && isObject(inner.matchLabels) ? inner.matchLabels : {};
    return Object.keys(labels).length === 0 ? [] : [labels as Record<string, string>];
  });
}

function walk(value: unknown, namespace: string, found: Set<string>): void {
  if (Array.isArray(value)) {
    for (const one of value) walk(one, namespace, found);
    return;
  }
  if (!isObject(value)) return;
  const { kind, name, namespace: other } = value;
  if (typeof kind === 'string' && READ_IN_FULL.includes(kind) && typeof name === 'string') {
    found.add(keyOf(kind, typeof other === 'string' && other !== '' ? other : namespace, name));
  }
  for (const inner of Object.values(value)) walk(inner, namespace, found);
}

/** Rules that do nothing of what they were surely written for. */
import type { ConfigObject, Filter } from '../config/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';

const ANSWERS: ReadonlySet<Filter['type']> = new Set(['RequestRedirect', 'DirectAnswer']);

/** Rules that have nobody to send requests to, and no filter that answers them. */
export function emptyRules(config: Iterable<ConfigObject>): Finding[] {
  const found: Finding[] = [];
  for (const object of config) {
    if (object.kind !== 'RouteRule' || object.backends.length > 0 || object.broken !== undefined) continue;
    if (object.filters.some(({ type }) => ANSWERS.has(type))) continue;
    const { kind, namespace, name } = object.route;
    const message = 'has no backend, and no filter that answers: its requests get a 500 until one is named';
    found.push({
      severity: 'warning',
      object: `${kind}/${namespace}/${name}`,
      field: `spec.rules[${object.index}].backendRefs`,
      message,
    });
  }
  return found;
}

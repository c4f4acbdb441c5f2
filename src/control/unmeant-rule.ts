/** Rules that do nothing of what they were surely written for. */
import type { ConfigObject, Filter } from '../config/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';

const ANSWERS: ReadonlySet<Filter['type']> = new Set(['RequestRedirect', 'DirectAnswer']);

/** Signs of a pattern that hardly any path has: `/cart/*`, `/cart/.+`, `/cart(/|$)(.*)`, `/cart$`. */
const PATTERN = /\*|\.\+|\$$/;

/** Paths that are taken as they are written, and look like patterns, as Ingress controllers have them. */
export function literalPatterns(config: Iterable<ConfigObject>): Finding[] {
  const found: Finding[] = [];
  for (const object of config) {
    if (object.kind !== 'RouteRule' || object.route.kind !== 'HTTPRoute') continue;
    const { kind, namespace, name } = object.route;
    for (const [at, { path }] of object.matches.entries()) {
      if (path.type === 'RegularExpression' || !PATTERN.test(path.value)) continue;
      const all = path.value.replace(/\/?\*$/, '') || '/';
      const way = PATTERN.test(all) ? '' : ` ${all} of type PathPrefix for all below it, or`;
      found.push({
        severity: 'warning',
        object: `${kind}/${namespace}/${name}`,
        field: `spec.rules[${object.index}].matches[${at}].path.value`,
        message: `${path.type} takes ${path.value} as it is written, not as a pattern: write${way} type: RegularExpression`,
      });
    }
  }
  return found;
}

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

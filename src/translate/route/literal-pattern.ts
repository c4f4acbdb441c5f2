/** Values that are taken as they are written and look like patterns, as Ingress controllers and other routers have them. */
import type { HTTPRouteMatch } from '../../api/index.ts';
import { type Problem, problem } from '../verdict/problem.ts';

/** Signs of a pattern that hardly any path has: `/cart/*`, `/cart/.+`, `/cart(/|$)(.*)`, `/cart$`, `/users/:id`. */
const PATTERN = /\*|\.\+|\$$|\/:[A-Za-z]/;
/** The same of headers and query parameters, which have a `*` of their own: Accept, for one. */
const VALUE_PATTERN = /\.[*+]|^\^|[^\\]\$$/;

export function literalPatterns(matches: ReadonlyArray<HTTPRouteMatch> | undefined, field: string): Problem[] {
  return (matches ?? []).flatMap((match, at) => [
    ...literalPath(match.path, `${field}[${at}].path.value`),
    ...literalValues(match.headers, `${field}[${at}].headers`),
    ...literalValues(match.queryParams, `${field}[${at}].queryParams`),
  ]);
}

function literalPath(path: HTTPRouteMatch['path'], field: string): Problem[] {
  const { type = 'PathPrefix', value = '/' } = path ?? {};
  if (type === 'RegularExpression' || !PATTERN.test(value)) return [];
  const all = value.replace(/\/?\*$/, '') || '/';
  const way = PATTERN.test(all) ? '' : ` ${all} of type PathPrefix for all below it, or`;
  const message = `${type} takes ${value} as it is written, not as a pattern: write${way} type: RegularExpression`;
  return [problem('', field, message)];
}

function literalValues(matches: HTTPRouteMatch['headers'], field: string): Problem[] {
  return (matches ?? []).flatMap(({ type = 'Exact', value }, at) => {
    if (type !== 'Exact' || !VALUE_PATTERN.test(value)) return [];
    const message = `Exact takes ${value} as it is written, not as a pattern: write type: RegularExpression`;
    return [problem('', `${field}[${at}].value`, message)];
  });
}

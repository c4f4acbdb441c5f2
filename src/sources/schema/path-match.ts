import type { HTTPRouteMatch } from '../../api/index.ts';
import { isLiteralPath, NO_LITERAL_PATH } from '../../value/literal-path.ts';
import { celRule, object, oneOf, optional, type Rule, rule, text } from './schema.ts';

type PathMatch = HTTPRouteMatch['path'];

/** Rules for paths that are compared as they are; a regular expression is judged where it is compiled. */
function literal(message: string, holds: (path: string) => boolean): Rule {
  return rule<PathMatch>(message, ({ type, value }) => type === 'RegularExpression' || holds(value), 'value');
}

function without(part: string, why: string): Rule {
  const own = literal(`must not contain "${part}": ${why}`, (path) => !path.includes(part));
  return celRule(`${REGULAR} || !self.value.contains("${part}")`, own);
}

const REGULAR = 'self.type == "RegularExpression"';

const NORMAL = 'requests are compared after their paths were normalised';

export const pathMatch = object(
  {
    type: optional(oneOf('Exact', 'PathPrefix', 'RegularExpression'), 'PathPrefix'),
    value: optional(text({ max: 1024 }), '/'),
  },
  {
    meant: (value) => (value.startsWith('/') ? `{ value: ${value} }` : undefined),
    rules: [
      celRule(
        `${REGULAR} || self.value.startsWith("/")`,
        literal('must start with "/"', (path) => path.startsWith('/')),
      ),
      without('//', NORMAL),
      without('/./', NORMAL),
      without('/../', NORMAL),
      celRule(
        `${REGULAR} || !(self.value.endsWith("/.") || self.value.endsWith("/.."))`,
        literal(`must not end with "/." or "/..": ${NORMAL}`, (path) => !/\/\.\.?$/.test(path)),
      ),
      without('%2f', 'an encoded slash is not a separator'),
      without('%2F', 'an encoded slash is not a separator'),
      without('#', 'a fragment is never sent to a server'),
      // Not asked by an API server: over all paths of a policy, a regular expression is more than its budget. What is in a
      // cluster is judged in translation.
      literal(NO_LITERAL_PATH, isLiteralPath),
    ],
  },
);

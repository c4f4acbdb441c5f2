import { parentReference, parentsAreDistinct } from './reference.ts';
import { list, oneOf, optional, type Rule, rule } from './schema.ts';

/** What the spec of every kind of route has. */
export const routeParents = {
  parentRefs: optional(list(parentReference, { max: 32, rules: parentsAreDistinct })),
  useDefaultGateways: optional(oneOf('All', 'None')),
};

interface NamedRule {
  name?: string;
  matches?: unknown[];
}

export const ruleNamesAreDistinct = rule<NamedRule[]>(
  'must not give two rules the same name; rename or remove one of the two',
  (rules) => {
    const names = rules.flatMap(({ name }) => (name === undefined ? [] : [name]));
    return new Set(names).size === names.length;
  },
);

/** The API's limit on the matches of all rules of a route together. */
const MAX_MATCHES = 128;
export const matchesAreFew: Rule = rule<NamedRule[]>(
  `must not have more than ${MAX_MATCHES} matches in all; spread the rules over several routes`,
  (rules) => rules.reduce((sum, { matches }) => sum + (matches?.length ?? 0), 0) <= MAX_MATCHES,
);

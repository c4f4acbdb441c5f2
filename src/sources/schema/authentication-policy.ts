import type { Authentication, AuthenticationEntry } from '../../api/index.ts';
import { externalAuthentication } from './external-authentication.ts';
import { cidr, headerName, label } from './format.ts';
import { pathMatch } from './path-match.ts';
import { secretReference } from './reference.ts';
import { requestPolicySpec } from './request-policy.ts';
import {
  celRule,
  type Field,
  flag,
  list,
  type ObjectSchema,
  object,
  oneOf,
  optional,
  required,
  rule,
  text,
} from './schema.ts';

/** What is said in a challenge, between quotes. */
const realm = text({
  max: 128,
  format: {
    is: 'printable ASCII without quotes and backslashes',
    matches: (value) => /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/.test(value),
    openApi: { pattern: '^[ !#-\\[\\]-~]*$' },
  },
});

const basic = object({
  secretRef: required(secretReference),
  format: optional(oneOf('AuthFile', 'AuthMap'), 'AuthFile'),
  realm: optional(realm),
  forwardCredential: optional(flag),
});

/** By which methods clients may say who they are: a new one has its line here. */
const METHODS: Readonly<Record<Exclude<keyof AuthenticationEntry, 'name'>, ObjectSchema>> = {
  basic,
  external: externalAuthentication,
};
const NAMES = Object.keys(METHODS) as Array<keyof typeof METHODS>;

const method = object(
  {
    name: optional(label),
    ...Object.fromEntries(NAMES.map((name): [string, Field] => [name, optional(METHODS[name])])),
  },
  {
    rules: [
      celRule(
        `[${NAMES.map((name) => `has(self.${name})`).join(', ')}].filter(x, x).size() == 1`,
        rule<AuthenticationEntry>(
          `must have exactly one of ${NAMES.join(', ')}`,
          (one) => NAMES.filter((name) => one[name] !== undefined).length === 1,
        ),
      ),
    ],
  },
);

const namesAreDistinct = rule<AuthenticationEntry[]>(
  'must not have one name twice; rename one of the two',
  (methods) => {
    const names = methods.flatMap(({ name }) => name ?? []);
    return new Set(names).size === names.length;
  },
);

const CLAIM = text({ min: 1, max: 256 });

export const authenticationPolicySpec = requestPolicySpec(
  {
    methods: required(list(method, { min: 1, max: 8, rules: [namesAreDistinct] })),
    require: optional(oneOf('Any', 'All')),
    anonymousPaths: optional(list(pathMatch, { min: 1, max: 64 })),
    anonymousAddresses: optional(list(cidr, { min: 1, max: 256, unique: 'set' })),
    claimsToHeaders: optional(
      list(object({ name: required(headerName), claim: required(CLAIM) }), { min: 1, max: 32 }),
    ),
  },
  [
    celRule(
      '!has(self.methods) || self.methods.size() == 1 || has(self.require)',
      rule<Authentication>(
        'is required beside several methods: Any (one of them must say who it is) or All (each must)',
        ({ methods, require }) => (methods?.length ?? 0) < 2 || require !== undefined,
        'require',
      ),
    ),
  ],
);

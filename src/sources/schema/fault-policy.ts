import type { Faults } from '../../api/index.ts';
import { duration } from './format.ts';
import { routeMatch } from './http-route.ts';
import { requestPolicySpec } from './request-policy.ts';
import { celRule, integer, list, object, optional, required, rule } from './schema.ts';

const percentage = optional(integer({ min: 0, max: 100 }));

export const faultPolicySpec = requestPolicySpec(
  {
    delay: optional(object({ duration: required(duration), percentage })),
    abort: optional(object({ statusCode: required(integer({ min: 400, max: 599 })), percentage })),
    when: optional(list(routeMatch, { max: 64 })),
  },
  [
    celRule(
      'has(self.delay) || has(self.abort)',
      rule<Faults>(
        'must have delay or abort: it makes no trouble yet',
        ({ delay, abort }) => delay !== undefined || abort !== undefined,
      ),
    ),
  ],
);

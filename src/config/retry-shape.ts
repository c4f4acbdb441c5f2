/** Retries as they come over a channel: of a rule, or of a policy of its backend. */
import * as v from 'valibot';
import type { RetriedFailure, Retry } from './route.ts';
import { object, type Shape } from './shape.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const FAILURES: readonly RetriedFailure[] = ['Connect', 'Reset', 'Timeout', 'Protocol'];

export const retry: Shape<Retry> = object<Retry>({
  codes: v.array(count),
  attempts: count,
  backoff: v.optional(count),
  failures: v.optional(v.array(v.picklist(FAILURES))),
  grpcCodes: v.optional(v.array(count)),
  idempotentOnly: v.optional(v.boolean()),
  perTry: v.optional(count),
  within: v.optional(count),
});

import { type Collection, join } from '../graph/index.ts';
import { withTls } from './backend/backend-ref.ts';
import type { ServiceTls } from './backend/backend-tls.ts';
import type { BackendUse } from './backend/backend-use.ts';
import type { AttachedPolicy } from './policy/attached-policy.ts';
import type { PoliciesByKind } from './policy/table.ts';
import type { Graph } from './stage.ts';

/** Backends that policies ask. */
export function policyUses(
  graph: Graph,
  policies: PoliciesByKind,
  serviceTls: Collection<ServiceTls>,
): Collection<BackendUse> {
  return join(
    'backend uses of policies',
    Object.entries(policies).map(([kind, { views }]) =>
      graph.derive(
        `backend uses of ${kind}`,
        views as Collection<AttachedPolicy<object>>,
        (context, { uses = [] }, key) =>
          uses.flatMap((use, at) => {
            const own = withTls(context, use, serviceTls);
            return own === undefined ? [] : [[`${key}#${at}>${use.key}`, own] as const];
          }),
      ),
    ),
  );
}

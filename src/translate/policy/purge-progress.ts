/** How far data planes are with what a policy asks of them once: to forget what it has them keep. */
import { CONDITION, POLICY_REASON } from '../../api/index.ts';
import { type ConfigObject, deliveryKey } from '../../config/index.ts';
import { type Collection, equal, index } from '../../graph/index.ts';
import { fails, holds, unknown, type Verdict } from '../verdict/conditions.ts';
import { describe } from '../verdict/problem.ts';
import type { AttachedPolicy } from './attached-policy.ts';
import type { Enforcement } from './policy-kind.ts';

/** Of what was sent to a Gateway's data planes on behalf of the policy, all is served in this very form. */
export function forgetting<S>(config: Collection<ConfigObject>): NonNullable<Enforcement<S>['hasForgotten']> {
  const asking = index('config that asks to forget', config, (object) =>
    object.kind === 'Policy' && object.type === 'Cache'
      ? object.spec.acts.flatMap(({ source, settings }) => (settings?.purges === undefined ? [] : [source]))
      : [],
  );
  return ({ context, inputs, options }, { key }, gateway) => {
    const fleet = options.shared ? '' : gateway;
    const objects = context.fetch(asking, key) ?? [];
    if (objects.length === 0) return true;
    const sent = objects.flatMap((object) => {
      const delivery = context.fetch(inputs.deliveries, deliveryKey(fleet, object));
      return delivery === undefined ? [] : [{ object, delivery }];
    });
    return (
      sent.length > 0 &&
      sent.every(({ object, delivery }) => delivery.state === 'serving' && equal(delivery.object, object))
    );
  };
}

/** The condition; undefined: nothing is asked. Its message begins with the last purge, since annotations count no generation. */
export function purgeVerdict(purge: AttachedPolicy<unknown>['purge'], isDone: boolean): Verdict | undefined {
  if (purge === undefined) return undefined;
  if ('reason' in purge) return fails(CONDITION.Purged, purge.reason, describe([purge]));
  const { id } = purge;
  return isDone
    ? holds(CONDITION.Purged, POLICY_REASON.Purged, `${id}: every data plane has forgotten it`)
    : unknown(CONDITION.Purged, POLICY_REASON.Pending, `${id}: not every data plane has acknowledged it yet`);
}

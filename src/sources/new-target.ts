/** What a policy names now and did not name in its last good form, which stays: nothing else would guard it. */
import type { AnyResource } from '../api/index.ts';

interface Target {
  group: string;
  kind: string;
  name: string;
  sectionName?: string;
}

/**
 * Of a stand-in as much as the good form does not act on, under a name that no object can have; undefined: there is nothing.
 * Both hold side by side until the policy can be read.
 */
export function ofNewTargets(standIn: AnyResource, good: AnyResource): AnyResource | undefined {
  const guarded = targetsOf(good);
  const targetRefs = targetsOf(standIn).filter((target) => !guarded.some((one) => covers(one, target)));
  if (targetRefs.length === 0 || !('spec' in standIn)) return undefined;
  const metadata = { ...standIn.metadata, name: `${good.metadata.name} (new targets)` };
  return { ...standIn, metadata, spec: { ...standIn.spec, targetRefs } } as AnyResource;
}

function targetsOf(resource: AnyResource): readonly Target[] {
  return 'spec' in resource && 'targetRefs' in resource.spec ? (resource.spec.targetRefs ?? []) : [];
}

function covers(good: Target, { group, kind, name, sectionName }: Target): boolean {
  if (good.group !== group || good.kind !== kind || good.name !== name) return false;
  return good.sectionName === undefined || good.sectionName === sectionName;
}

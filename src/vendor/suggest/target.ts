/** What a policy of another gateway is attached to. */
import type { PolicyTargetReference } from '../../api/index.ts';
import { GATEWAY_GROUP } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import type { Fields } from '../fields.ts';
import type { Site } from './site.ts';
import type { VendorTarget } from './vendor-target.ts';

const KINDS = ['Gateway', 'ListenerSet', 'HTTPRoute', 'GRPCRoute', 'Service'] as const;

/** Of targetRef, targetRefs and targetSelectors; what is none of ours is told. */
export function targetsOf(spec: Fields, site: Site, namespace: string): VendorTarget[] {
  const single = spec.object('targetRef');
  const refs = [...(single === undefined ? [] : [single]), ...spec.objects('targetRefs')];
  const named = refs.flatMap((ref): VendorTarget[] => {
    ref.text('group');
    const name = ref.text('name');
    const sectionName = ref.text('sectionName');
    const kind = targetKind(ref);
    if (kind === undefined || name === undefined) return [];
    return [{ kind, name, ...(sectionName === undefined ? {} : { sectionName }) }];
  });
  const selected = spec.objects('targetSelectors').flatMap((selector): VendorTarget[] => {
    selector.text('group');
    selector.lost('matchExpressions', 'targets are named: write targetRefs');
    selector.lost('namespaces', 'a policy stands in the namespace of its targets: write one in each');
    const kind = targetKind(selector);
    const labels = selector.any('matchLabels', { differs: 'targets are named: one that comes later is to be added' });
    if (kind === undefined) return [];
    const wanted = isObject(labels) ? (labels as Record<string, string>) : {};
    return site.labelled(kind, namespace, wanted).map((name) => ({ kind, name }));
  });
  return [...named, ...selected];
}

function targetKind(ref: Fields): VendorTarget['kind'] | undefined {
  const kind = ref.text('kind');
  const known = KINDS.find((one) => one === kind);
  if (known === undefined) ref.refuse('kind', `${kind ?? 'nothing'} is nothing that policies here are attached to`);
  return known;
}

/** As our policies write it. */
export function referenceTo({ kind, name, sectionName }: VendorTarget): PolicyTargetReference {
  const group = kind === 'Service' ? '' : GATEWAY_GROUP;
  return { group, kind, name, ...(sectionName === undefined ? {} : { sectionName }) };
}

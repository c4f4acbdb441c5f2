/** What is made for a Gateway: all of it, as it is applied. Pure. */
import type { InfrastructurePatch, Opaque, WantedInfrastructure } from '../../api/index.ts';
import type { MadeObject } from './made-object.ts';
import { made, metadataOf, stamped } from './metadata.ts';
import { networkPolicy } from './network-policy.ts';
import { type PodTemplate, podTemplate } from './pod.ts';
import { services } from './service.ts';
import type { InfrastructureSettings } from './settings.ts';
import { strategicMerge } from './strategic-merge.ts';
import { autoscaler, disruptionBudget, workload } from './workload.ts';

export function wantedObjects(
  wanted: WantedInfrastructure,
  settings: InfrastructureSettings,
  restarted = '',
): MadeObject[] {
  if (wanted.unmanaged !== undefined) return [];
  const patches = wanted.parameters.patches ?? [];
  const template = patchedTemplate(podTemplate(wanted, settings, restarted), patches);
  const objects = [
    made('ServiceAccount', metadataOf(wanted), { automountServiceAccountToken: false }),
    made('ConfigMap', metadataOf(wanted), { data: { 'ca.crt': settings.authority } }),
    ...services(wanted),
    workload(wanted, template),
    autoscaler(wanted),
    disruptionBudget(wanted),
    networkPolicy(wanted, settings),
  ];
  return objects.flatMap((object) => (object === undefined ? [] : [stamped(patched(object, patches))]));
}

function patchedTemplate(template: PodTemplate, patches: readonly InfrastructurePatch[]): PodTemplate {
  const own = template.metadata.labels;
  const result = apply(template, patches, 'Pod') as unknown as PodTemplate;
  return { ...result, metadata: { ...result.metadata, labels: { ...result.metadata?.labels, ...own } } };
}

/** What an object is, whose it is and what it is found by are not for a patch to change. */
function patched(object: MadeObject, patches: readonly InfrastructurePatch[]): MadeObject {
  const result = apply(object, patches, object.kind) as unknown as MadeObject;
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, ownerReferences } = metadata;
  const labels = { ...result.metadata?.labels, ...metadata.labels };
  const annotations = result.metadata?.annotations ?? {};
  const own = { ...result.metadata, name, namespace, ownerReferences, labels, annotations };
  const spec = keptSpec(object.spec as Opaque | undefined, result.spec as Opaque | undefined);
  return { ...result, apiVersion, kind, metadata: own, ...(spec === undefined ? {} : { spec }) };
}

/** Which pods, and which workload, an object is about: rights to its kind may not be a tenant's. */
const SELECTORS = ['selector', 'podSelector', 'scaleTargetRef'] as const;

function keptSpec(own: Opaque | undefined, patchedSpec: Opaque | undefined): Opaque | undefined {
  if (own === undefined || patchedSpec === undefined) return own;
  const kept = SELECTORS.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]] as const]));
  return { ...patchedSpec, ...Object.fromEntries(kept) };
}

function apply(base: object, patches: readonly InfrastructurePatch[], kind: string): Record<string, unknown> {
  return patches
    .filter((one) => one.kind === kind)
    .reduce((result, { patch }) => strategicMerge(result, { ...patch }), { ...base } as Record<string, unknown>);
}

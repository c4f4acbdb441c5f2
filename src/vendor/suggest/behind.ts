/** Settings that others attach to routes and Gateways, and we to the Services behind them. */
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { referenceTo } from './target.ts';
import type { SuggestedParts, VendorPlace } from './vendor-kind.ts';

export function behind(spec: Fields, place: VendorPlace, settings: object | undefined): SuggestedParts {
  if (settings === undefined) return {};
  const { namespace, name, targets, site } = place;
  const services = [...new Set(targets.flatMap((target) => site.servicesBehind(namespace, target)))];
  if (services.length === 0) {
    spec.refuse('targetRefs', 'no Service is known behind it: check it together with its routes');
    return {};
  }
  const differs = 'ours holds for the Services behind it, whichever route leads there';
  if (targets.some(({ kind }) => kind !== 'Service')) {
    const why = `${differs}: ${services.join(', ')}`;
    spec.findings.push({ field: 'spec.targetRefs', fate: 'Differs', ours: 'BackendTrafficPolicy targetRefs', why });
  }
  const targetRefs = services.map((service) => referenceTo({ kind: 'Service', name: service }));
  return { objects: [ownPolicy('BackendTrafficPolicy', { namespace, name }, { targetRefs, ...settings })] };
}

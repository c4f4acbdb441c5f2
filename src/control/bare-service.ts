/** Services that routes send to and that have no endpoint: one sentence for all of them. */
import type { ConfigObject } from '../config/index.ts';
import type { ReportedDiagnostic } from './report.ts';

/** Services that are named; the rest is counted. */
const NAMED = 5;

export function bareServices(
  config: Iterable<ConfigObject>,
  severity: ReportedDiagnostic['severity'],
): ReportedDiagnostic[] {
  const bare = new Set<string>();
  for (const object of config) {
    if (object.kind !== 'Endpoints' || object.endpoints.length > 0 || object.dns !== undefined) continue;
    bare.add(object.key.slice(0, object.key.indexOf(':')));
  }
  if (bare.size === 0) return [];
  const names = [...bare].sort();
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  const have = names.length === 1 ? '1 Service has no endpoint' : `${names.length} Services have no endpoints`;
  const message = `${have}: ${names.slice(0, NAMED).join(', ')}${more}; give an EndpointSlice, --endpoint or --echo-backends`;
  return [{ severity, file: '', line: 0, object: '', field: '', message }];
}

/** The resources of a case, without what is the same in all. */
import { parse, stringify } from 'yaml';
import { service } from '../served/manifest.ts';
import { hostOf, type ParityCase } from './case.ts';

const VERSIONS: Readonly<Record<string, string>> = {
  HTTPRoute: 'gateway.networking.k8s.io/v1',
  BackendTLSPolicy: 'gateway.networking.k8s.io/v1',
  Secret: 'v1',
  Service: 'v1',
  ConfigMap: 'v1',
};
const POLICY = 'policies.daemun.dev/v1alpha1';
const GROUP = 'gateway.networking.k8s.io';

/** Every name begins with the case's: all cases of a family are served side by side. `$CLIENT` is the first client. */
export function objectsOf(one: ParityCase): object[] {
  return Object.entries(one.objects).map(([path, fields]) => {
    const [kind = '', name = ''] = path.split('/');
    const filled = parse(stringify(fields).replaceAll('$CLIENT', '127.0.0.1')) as Record<string, unknown>;
    const metadata = { name: `${one.recorded}-${name}` };
    const apiVersion = VERSIONS[kind] ?? POLICY;
    if (kind === 'Service') return service(metadata.name);
    if (kind === 'Secret' || kind === 'ConfigMap') return { apiVersion, kind, metadata, ...filled };
    return {
      apiVersion,
      kind,
      metadata,
      spec: kind === 'HTTPRoute' ? routeSpec(one, filled) : policySpec(one, filled),
    };
  });
}

function routeSpec(one: ParityCase, spec: Record<string, unknown>): object {
  return { parentRefs: [{ name: 'gw' }], hostnames: [hostOf(one)], ...spec };
}

/** Of a case that has one of its own. */
export function listenersOf(one: ParityCase): object[] {
  if (one.listener !== true) return [];
  const tls = { certificateRefs: [{ name: 'site' }] };
  return [{ name: one.recorded, hostname: hostOf(one), port: 443, protocol: 'HTTPS', tls }];
}

/** Services of this case, by the shared one whose endpoints they have. */
export function servicesOf(one: ParityCase): Array<{ name: string; of: string }> {
  return Object.entries(one.objects).flatMap(([path, { of }]) =>
    path.startsWith('Service/') ? [{ name: `${one.recorded}-${path.slice('Service/'.length)}`, of: String(of) }] : [],
  );
}

/** `route: NAME`, `service: NAME` or `listener: true` stands for a target of this case; `rule` for one of its rules. */
function policySpec(
  one: ParityCase,
  { route, rule, service: backend, listener, ...spec }: Record<string, unknown>,
): object {
  if (backend !== undefined) {
    return { targetRefs: [{ group: '', kind: 'Service', name: `${one.recorded}-${String(backend)}` }], ...spec };
  }
  if (listener === true)
    return { targetRefs: [{ group: GROUP, kind: 'Gateway', name: 'gw', sectionName: one.recorded }], ...spec };
  if (route === undefined) return spec;
  const target = { group: GROUP, kind: 'HTTPRoute', name: `${one.recorded}-${String(route)}` };
  return { targetRefs: [rule === undefined ? target : { ...target, sectionName: rule }], ...spec };
}

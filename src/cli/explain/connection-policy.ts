/** Policies of connections, from clients and towards backends: whose they are, and what of the settings each gave. */
import { type Backend, type Policy, type PolicySource, policyKey, type Snapshot } from '../../config/index.ts';
import type { PolicyEffect } from './policy-effect.ts';
import { everySetting } from './setting-text.ts';
import { backendSettingsText, certificatesText, clientSettingsText } from './traffic-text.ts';

/** Kinds whose status says where they act, too. */
export const CONNECTION_KINDS: ReadonlySet<string> = new Set([
  'ClientTrafficPolicy',
  'BackendTrafficPolicy',
  'BackendTLSPolicy',
]);

/** What one policy gave to one object. */
interface Gift {
  policy: string;
  type: string;
  target: { kind: string; key: string };
  effect: string;
  settings: object;
}

/** Of clients that come to the listener. */
export function listenerPolicies(snapshot: Snapshot, listener: string | undefined): PolicyEffect[] {
  if (listener === undefined) return [];
  return ['ClientTraffic', 'ClientCertificates']
    .flatMap((type) => giftsOf(snapshot.get('Policy', policyKey(type, listener))))
    .map(effectOf);
}

/** Of connections to the backend. */
export function backendPolicies(snapshot: Snapshot, key: string): PolicyEffect[] {
  const gifts = [
    ...tlsGift(snapshot.get('Backend', key)),
    ...giftsOf(snapshot.get('Policy', policyKey('BackendTraffic', key))),
  ];
  return gifts.map(effectOf);
}

/** All that there are, with all their settings. */
export function connectionPlaces(snapshot: Snapshot): PolicyEffect[] {
  const gifts = [
    ...[...snapshot.of('Policy').values()].flatMap(giftsOf),
    ...[...snapshot.of('Backend').values()].flatMap(tlsGift),
  ];
  return gifts.map((gift) => ({
    ...effectOf(gift),
    through: `${gift.target.kind} ${gift.target.key}`,
    settings: everySetting(gift.settings),
  }));
}

function effectOf({ policy, type, target: { kind, key }, effect }: Gift): PolicyEffect {
  return { policy, type, holds: 'Default', through: `${kind.toLowerCase()} ${key}`, effect };
}

function giftsOf(policy: Policy | undefined): Gift[] {
  switch (policy?.type) {
    case 'ClientTraffic':
      return (policy.sources ?? []).map((source) =>
        giftOf(policy, source, clientSettingsText(givenBy(policy, source))),
      );
    case 'BackendTraffic':
      return (policy.sources ?? []).map((source) => giftOf(policy, source, backendText(policy, source)));
    case 'ClientCertificates': {
      const { source, ...settings } = policy.spec;
      const { type, target } = policy;
      return [{ policy: source, type, target, effect: certificatesText(policy.spec), settings }];
    }
    default:
      return [];
  }
}

type Shared = Extract<Policy, { type: 'ClientTraffic' | 'BackendTraffic' }>;

function giftOf(policy: Shared, source: PolicySource, effect: string): Gift {
  const { type, target } = policy;
  const settings = { ...givenBy(policy, source), ...(goesToService(source) && { destination: 'ServiceAddress' }) };
  return { policy: source.policy, type, target, effect, settings };
}

function givenBy<P extends Shared>({ spec }: P, { settings }: PolicySource): P['spec'] {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => settings.includes(name))) as P['spec'];
}

/** The question of a health check, and who fails it, is told beside the endpoints. */
function backendText(policy: Extract<Policy, { type: 'BackendTraffic' }>, source: PolicySource): string {
  const spec = givenBy(policy, source);
  return [
    ...(goesToService(source) ? ['requests go to the address of the Service'] : []),
    ...backendSettingsText(spec),
    ...(spec.healthCheck === undefined ? [] : ['health check']),
  ].join('; ');
}

/** Endpoints are that address then, and the policy itself has no word of it. */
function goesToService({ settings }: PolicySource): boolean {
  return settings.includes('destination');
}

function tlsGift(backend: Backend | undefined): Gift[] {
  if (backend?.tls === undefined || backend.tlsPolicy === undefined) return [];
  // What is shown to endpoints is the Gateway's to say.
  const { clientCertificate: _, ...settings } = backend.tls;
  const { hostname, subjectAltNames, trust } = settings;
  const names = subjectAltNames.map(({ value }) => value);
  const effect = [
    `TLS is spoken, as ${hostname}`,
    ...(names.length === 0 ? [] : [`certificates are for ${names.join(' or ')}`]),
    `authorities: ${trust === 'System' ? 'those of the machine' : trust.join(', ')}`,
  ].join('; ');
  const { key, tlsPolicy } = backend;
  return [{ policy: tlsPolicy, type: 'BackendTLS', target: { kind: 'Backend', key }, effect, settings }];
}

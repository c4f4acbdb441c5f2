import { apiVersionOf, groupOf, KINDS, type Kind, OWN_GROUP, POLICY_GROUP } from '../api/index.ts';
import { nearest } from './schema/index.ts';

/** The group that experimental kinds live in until they graduate. */
const EXPERIMENTAL_GROUP = 'gateway.networking.x-k8s.io';

/** Nobody else has groups in it. */
const OWN_DOMAIN = 'daemun.dev';

/** Versions that are read as the current one. Their fields are among its own, so no field has to move. */
const OLD_VERSIONS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  GatewayClass: ['v1beta1', 'v1alpha2'],
  Gateway: ['v1beta1', 'v1alpha2'],
  HTTPRoute: ['v1beta1', 'v1alpha2'],
  ReferenceGrant: ['v1beta1', 'v1alpha2'],
  GRPCRoute: ['v1alpha2'],
  TLSRoute: ['v1alpha3', 'v1alpha2'],
  TCPRoute: ['v1alpha2'],
  UDPRoute: ['v1alpha2'],
  BackendTLSPolicy: ['v1alpha3'],
  EndpointSlice: ['v1beta1'],
  ClusterTrustBundle: ['v1beta1', 'v1alpha1'],
};

export type Recognition =
  | { found: 'current'; kind: Kind }
  | { found: 'old'; kind: Kind; warning: string }
  /** A kind that is read, in a version that is not. */
  | { found: 'unreadable'; kind: Kind; error: string }
  /** `meant`: no other kind is called so, and one of ours nearly is (`likely`), or the group is ours. */
  | { found: 'foreign'; meant?: string; likely?: Kind };

/** Which of our kinds an object is, by its apiVersion and kind. */
export function recognise(apiVersion: string, kind: string): Recognition {
  if (apiVersion === `${EXPERIMENTAL_GROUP}/v1alpha1` && kind === 'XListenerSet') {
    return old('ListenerSet', `XListenerSet has become ListenerSet: write apiVersion ${apiVersionOf('ListenerSet')}`);
  }
  if (!isKind(kind) || KINDS[kind].group !== groupOf(apiVersion)) {
    const group = groupOf(apiVersion);
    const likely = likelyKind(kind, group);
    if (likely !== undefined)
      return { found: 'foreign', meant: `apiVersion: ${apiVersionOf(likely)}, kind: ${likely}`, likely };
    // What it was to guard would be served unguarded: nobody else has kinds there.
    if (!isOurs(group)) return { found: 'foreign' };
    const kinds = kindsOf(group === OWN_GROUP ? OWN_GROUP : POLICY_GROUP);
    return { found: 'foreign', meant: `one of ${kinds.join(', ')}` };
  }
  const current = apiVersionOf(kind);
  if (apiVersion === current) return { found: 'current', kind };
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  if (OLD_VERSIONS[kind]?.includes(version)) {
    return old(kind, `${version} is an old version of ${kind} and is read as the new one: write ${current}`);
  }
  return { found: 'unreadable', kind, error: `is no version of ${kind} that can be read; write ${current}` };
}

/** Groups of Kubernetes itself, where nobody else may put kinds: what is not known there is a slip. */
function isKubernetes(group: string): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}

function isOurs(group: string): boolean {
  return group === OWN_DOMAIN || group.endsWith(`.${OWN_DOMAIN}`);
}

function kindsOf(group: string): Kind[] {
  return (Object.keys(KINDS) as Kind[]).filter((one) => KINDS[one].group === group);
}

function likelyKind(kind: string, group: string): Kind | undefined {
  if (!isKubernetes(group) && !isOurs(group)) return undefined;
  if (isKind(kind)) return kind;
  const lower = kind.toLowerCase();
  const known = (Object.keys(KINDS) as Kind[]).find((one) => one.toLowerCase() === lower);
  if (known !== undefined) return known;
  // Letters that are wrong count only where the group is right: Kubernetes has many kinds, and some are much alike.
  const candidates = group === '' ? [] : kindsOf(group);
  const guess = candidates.find((one) => pluralsOf(one.toLowerCase()).includes(lower)) ?? nearest(kind, candidates);
  return guess as Kind | undefined;
}

function pluralsOf(word: string): string[] {
  return [`${word}s`, word.replace(/y$/, 'ies')];
}

function old(kind: Kind, warning: string): Recognition {
  return { found: 'old', kind, warning };
}

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(KINDS, kind);
}

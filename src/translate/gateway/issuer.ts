/** Annotations of a Gateway or ListenerSet by which cert-manager makes the Secrets that its listeners name. */
const ISSUER_ANNOTATIONS = ['cert-manager.io/issuer', 'cert-manager.io/cluster-issuer'] as const;

/** `annotation: issuer` of each that is there. */
export function issuersAsked(annotations: Readonly<Record<string, string>> | undefined): string[] {
  return ISSUER_ANNOTATIONS.flatMap((name) => {
    const issuer = annotations?.[name];
    return issuer === undefined ? [] : [`${name}: ${issuer}`];
  });
}

/** A listener, and whom cert-manager is to take for its certificates. */
interface Asking {
  owner: { kind: string; namespace: string };
  spec: { hostname?: string; tls?: { certificateRefs?: ReadonlyArray<{ namespace?: string }> } };
  issuers: ReadonlyArray<string>;
}

/** How the Secret of a listener comes to be in a cluster: what cert-manager is asked for, and why it may make none. */
export function wayToSecret(listener: Asking, missing: string | undefined): string {
  const { owner, issuers: asked } = listener;
  const [, namespace = owner.namespace, name = 'NAME'] = missing?.split('/') ?? [];
  const byHand = `kubectl -n ${namespace} create secret tls ${name} --cert=cert.pem --key=key.pem makes one`;
  if (asked.length === 0)
    return `${byHand}; cert-manager does where the ${owner.kind} has the annotation cert-manager.io/cluster-issuer`;
  const issuers = asked.join(' and ');
  const obstacle = obstacleOf(listener);
  if (obstacle !== undefined) return `cert-manager is asked (${issuers}) and makes none ${obstacle}; ${byHand}`;
  if (missing === undefined) return `cert-manager is asked (${issuers}) and makes the one that is named`;
  return `cert-manager is asked for it (${issuers}): kubectl -n ${namespace} describe certificate ${name} tells how far it is`;
}

/** Why cert-manager passes over the listener, of which it tells in an Event alone; with the way out. */
function obstacleOf({ owner, spec, issuers }: Asking): string | undefined {
  if (issuers.length > 1) return 'where both annotations are there: keep one';
  if (spec.hostname === undefined) return 'for a listener without a hostname: give it one';
  const { certificateRefs = [] } = spec.tls ?? {};
  const isAtHome = certificateRefs.every(({ namespace = owner.namespace }) => namespace === owner.namespace);
  return isAtHome
    ? undefined
    : `for a listener that names a Secret outside of the ${owner.kind}'s namespace: name its own`;
}

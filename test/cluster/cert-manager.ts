/** A double of what cert-manager (v1.21) does with Gateways and ListenerSets: which Certificates it makes for their listeners. */
const ISSUERS = ['cert-manager.io/issuer', 'cert-manager.io/cluster-issuer'];

/** A Gateway or a ListenerSet. */
export interface Annotated {
  metadata: { annotations?: Record<string, string>; namespace: string };
  spec: {
    listeners: Array<{
      hostname?: string;
      protocol: string;
      tls?: { mode?: string; certificateRefs?: Array<{ name: string; namespace?: string }> };
    }>;
  };
}

interface WantedCertificate {
  secret: string;
  names: string[];
}

/**
 * One for each Secret, for all the hostnames of the listeners that name it. A ListenerSet that names no issuer takes that of
 * its Gateway.
 */
export function wantedCertificates({ metadata, spec }: Annotated, gateway?: Annotated): WantedCertificate[] {
  const asked = [metadata, gateway?.metadata]
    .map((one) => ISSUERS.filter((annotation) => one?.annotations?.[annotation] !== undefined))
    .find((found) => found.length > 0);
  // Where both are there it does not know which is meant.
  if (asked?.length !== 1) return [];
  const wanted = new Map<string, string[]>();
  for (const { hostname, protocol, tls } of spec.listeners) {
    if (hostname === undefined || !['HTTPS', 'TLS'].includes(protocol) || tls?.mode === 'Passthrough') continue;
    for (const { name, namespace = metadata.namespace } of tls?.certificateRefs ?? []) {
      if (namespace === metadata.namespace) wanted.set(name, [...(wanted.get(name) ?? []), hostname]);
    }
  }
  return Array.from(wanted, ([secret, names]) => ({ secret, names }));
}

import { GATEWAY_REASON, type Gateway } from '../api/index.ts';
import type { RouteRule, WeightedBackend } from '../config/index.ts';
import type { Collection } from '../graph/index.ts';
import type { BackendUse } from './backendref.ts';
import { type CertificateUse, type CertificateVerdict, resolveCertificate } from './certificate.ts';
import { gatewayReferrer } from './gateway.ts';
import type { Lookup } from './lookup.ts';
import { type Problem, problem } from './problem.ts';

/** What a Gateway shows to backends that speak TLS: the key of a Certificate, or why it has none that can be used. */
export type ClientIdentity = { certificate: string } | { problem: Problem };

export function clientIdentity(
  look: Lookup,
  certificates: Collection<CertificateVerdict>,
  gateway: Gateway,
): ClientIdentity | undefined {
  const reference = gateway.spec.tls?.backend?.clientCertificateRef;
  if (reference === undefined) return undefined;
  const use: CertificateUse = {
    reference,
    field: 'spec.tls.backend.clientCertificateRef',
    from: gatewayReferrer(gateway.metadata.namespace ?? ''),
    reason: GATEWAY_REASON.InvalidClientCertificateRef,
  };
  const result = resolveCertificate(look, certificates, use);
  return 'reason' in result
    ? { problem: problem(result.reason, result.field, result.message) }
    : { certificate: result.key };
}

interface Served {
  rules: RouteRule[];
  uses: BackendUse[];
}

/**
 * Rules and Backends by what their Gateways show to backends. A Backend with a client certificate is one of its own,
 * so that no Gateway speaks in another's name; a rule on Gateways that differ becomes one rule for each identity.
 */
export function withIdentities(served: Served, identityOf: (gateway: string) => ClientIdentity | undefined): Served {
  const secure = new Map(served.uses.filter(({ tls }) => tls).map((use) => [use.key, use]));
  if (secure.size === 0) return served;
  const uses = new Map(served.uses.map((use) => [use.key, use]));
  const rules = served.rules.flatMap((rule) => {
    const groups = byIdentity(rule, identityOf);
    return Array.from(groups.values(), ({ identity, attachments }, at) => {
      const key = at === 0 ? rule.key : `${rule.key};${at}`;
      if (identity === undefined) return { ...rule, key, attachments };
      return identified({ ...rule, key, attachments }, { identity, secure, uses });
    });
  });
  return { rules, uses: Array.from(uses.values()) };
}

function byIdentity(rule: RouteRule, identityOf: (gateway: string) => ClientIdentity | undefined) {
  const groups = new Map<string, { identity: ClientIdentity | undefined; attachments: RouteRule['attachments'] }>();
  for (const attachment of rule.attachments) {
    const [namespace, name] = attachment.listener.split('/');
    const identity = identityOf(`${namespace}/${name}`);
    const key = JSON.stringify(identity ?? null);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { identity, attachments: [attachment] });
    else group.attachments.push(attachment);
  }
  return groups;
}

interface Identified {
  identity: ClientIdentity;
  secure: ReadonlyMap<string, BackendUse>;
  uses: Map<string, BackendUse>;
}

function identified(rule: RouteRule, { identity, secure, uses }: Identified): RouteRule {
  const swap = (key: string): string => {
    const use = secure.get(key);
    if (use === undefined || 'problem' in identity) return key;
    const own = { ...use, key: `${key};client=${identity.certificate}`, clientCertificate: identity.certificate };
    uses.set(own.key, own);
    return own.key;
  };
  const backends = rule.backends.map((one): WeightedBackend => {
    if (one.backend === undefined) return one;
    if (!('problem' in identity) || !secure.has(one.backend)) return { ...one, backend: swap(one.backend) };
    const { backend: _backend, ...rest } = one;
    return { ...rest, broken: `the Gateway's client certificate cannot be used: ${identity.problem.message}` };
  });
  const filters = rule.filters
    .filter((one) => one.type !== 'RequestMirror' || !('problem' in identity) || !secure.has(one.backend))
    .map((one) => (one.type === 'RequestMirror' ? { ...one, backend: swap(one.backend) } : one));
  return { ...rule, backends, filters };
}

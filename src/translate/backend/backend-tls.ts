import type { Service } from '../../api/index.ts';
import type { BackendTls, TrustBundle } from '../../config/index.ts';
import type { AttachedPolicy } from '../policy/attached-policy.ts';
import { effective, portLevels } from '../policy/inheritance.ts';

/** What a BackendTLSPolicy asks for. */
export interface TlsSettings {
  tls: BackendTls;
  trust: TrustBundle[];
}

/** TLS towards one Service port: what a BackendTLSPolicy asks for, or why nothing may be sent there. */
export interface ServiceTls {
  /** Key of the policy. */
  policy: string;
  tls?: BackendTls;
  trust: TrustBundle[];
  /** The policy cannot be followed: requests fail rather than go out in plaintext. */
  fault?: string;
}

/** Stands for a port that the Service does not declare. */
const ANY_PORT = '*';

/** TLS of each port of a Service (`Service/namespace/name`): a policy for the port itself before one for all ports. */
export function tlsOfService(
  object: string,
  service: Service | undefined,
  policies: ReadonlyArray<AttachedPolicy<TlsSettings>>,
): Map<string, ServiceTls> {
  const found = new Map<string, ServiceTls>();
  const ports = (service?.spec.ports ?? []).map(({ port, name }) => ({ port: String(port), section: name ?? '' }));
  for (const { port, section } of [...ports, { port: ANY_PORT, section: '' }]) {
    const policy = effective(() => policies, portLevels(object, section), 'whole')?.decisive.policy;
    if (policy !== undefined) found.set(`${object.slice('Service/'.length)}:${port}`, serviceTls(policy));
  }
  return found;
}

function serviceTls({ key, settings, refusals }: AttachedPolicy<TlsSettings>): ServiceTls {
  if (settings !== undefined) return { policy: key, ...settings };
  const why = refusals.map(({ message }) => message).join('; ');
  return { policy: key, trust: [], fault: `${key.replace('/', ' ')} requires TLS and cannot be followed: ${why}` };
}

/** The key of a Service for all its ports, of that of one. */
export function anyPortOf(key: string): string {
  return `${key.slice(0, key.lastIndexOf(':'))}:${ANY_PORT}`;
}

/** Keys under which the TLS of a Service port is found, the best first. */
export function serviceTlsKeys({
  namespace,
  name,
  port,
}: {
  namespace: string;
  name: string;
  port: number;
}): [string, string] {
  return [`${namespace}/${name}:${port}`, `${namespace}/${name}:${ANY_PORT}`];
}

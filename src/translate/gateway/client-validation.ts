import { type FrontendTls, type Gateway, LISTENER_REASON } from '../../api/index.ts';
import type { ClientValidation, TrustBundle } from '../../config/index.ts';
import { find, type Lookup } from '../lookup.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { gatewayReferrer, type ManagedGateway } from './gateway.ts';
import { resolveTrust } from './trust.ts';

export interface ClientsVerdict {
  validation?: ClientValidation;
  trust: TrustBundle[];
  refusals: Problem[];
  unresolved: Problem[];
}

/**
 * How clients of an HTTPS listener on `port` are verified (Gateway.spec.tls.frontend): what stands for the port
 * replaces the default as a whole. Where no CA certificate is usable the listener is refused: it would let nobody
 * in, or everybody.
 */
export function validateClients(look: Lookup, port: number, gateway: ManagedGateway): ClientsVerdict | undefined {
  const chosen = frontend(look, port, gateway);
  const wanted = chosen?.tls.validation;
  if (chosen === undefined || wanted === undefined) return undefined;
  const verdict: ClientsVerdict = { trust: [], refusals: [], unresolved: [] };
  for (const [at, reference] of wanted.caCertificateRefs.entries()) {
    const field = `${chosen.field}.validation.caCertificateRefs[${at}]`;
    const reasons = {
      invalid: LISTENER_REASON.InvalidCACertificateRef,
      kind: LISTENER_REASON.InvalidCACertificateKind,
    };
    const result = resolveTrust(look, { reference, field, from: gatewayReferrer(gateway.namespace), reasons });
    if ('reason' in result) verdict.unresolved.push(result);
    else {
      verdict.trust.push(result.bundle);
      if (result.stale !== undefined) verdict.unresolved.push(result.stale);
    }
  }
  if (verdict.trust.length === 0) {
    const message = 'no CA certificate can be used to verify clients';
    const field = `${chosen.field}.validation.caCertificateRefs`;
    verdict.refusals.push(problem(LISTENER_REASON.NoValidCACertificate, field, message));
  } else {
    verdict.validation = { mode: wanted.mode ?? 'AllowValidOnly', trust: verdict.trust.map(({ key }) => key) };
  }
  return verdict;
}

/** Spec: as the Gateway has it, wherever it holds: a ListenerSet may have the only listener that it is for. */
export function letsAnybodyIn(gateway: Gateway | undefined): boolean {
  const { default: usual, perPort = [] } = gateway?.spec.tls?.frontend ?? {};
  return [usual, ...perPort.map(({ tls }) => tls)].some((tls) => tls?.validation?.mode === 'AllowInsecureFallback');
}

function frontend(
  look: Lookup,
  port: number,
  gateway: ManagedGateway,
): { tls: FrontendTls; field: string } | undefined {
  const tls = find(look, 'Gateway', gateway)?.spec.tls?.frontend;
  if (tls === undefined) return undefined;
  const at = (tls.perPort ?? []).findIndex((one) => one.port === port);
  if (at >= 0) return { tls: tls.perPort![at]!.tls, field: `spec.tls.frontend.perPort[${at}].tls` };
  return { tls: tls.default, field: 'spec.tls.frontend.default' };
}

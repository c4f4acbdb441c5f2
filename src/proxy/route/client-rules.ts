/** What ClientTrafficPolicies say of requests, for listeners that are served as one: of each setting the strictest. */
import { isDeepStrictEqual } from 'node:util';
import { type ClientTraffic, policyKey, type Snapshot } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import { HeaderPatch } from '../filter/index.ts';

type Spec = ClientTraffic['spec'];

export interface ClientRules {
  /** As they were written; equal ones are the same rules. */
  readonly specs: readonly Spec[];
  /** Bytes; 0: no limit. */
  readonly maxBodyBytes: number;
  /** Milliseconds between two pieces of a body; 0: no limit. */
  readonly bodyTimeout: number;
  /** Of a head; 0: no limit but that of all. */
  readonly maxHeadBytes: number;
  readonly hints: Spec['earlyHints'];
  readonly underscores: 'Allow' | 'Drop' | 'Reject';
  readonly requestId: Spec['requestId'];
  /** Of answers over TLS; null: none. */
  readonly securePatch: HeaderPatch | null;
  readonly address: AddressRule | null;
}

/** Whom requests come from, as those say who are believed. */
export interface AddressRule {
  /** Who may say so. */
  readonly trusted: Networks;
  /** How many gateways stand before this one; 0: as many as are trusted. */
  readonly hops: number;
  /** In the place of X-Forwarded-For; ''. */
  readonly header: string;
}

/** Null: no policy says anything of requests. */
export function clientRules(specs: readonly Spec[], held: ClientRules | null | undefined): ClientRules | null {
  const felt = specs.filter(({ body, headers, requestId, hsts, clientAddress, earlyHints }) =>
    [body, headers?.underscores, headers?.maxBytes, requestId, hsts, clientAddress, earlyHints].some(
      (setting) => setting !== undefined,
    ),
  );
  if (felt.length === 0) return null;
  if (held !== null && held !== undefined && isDeepStrictEqual(held.specs, felt)) return held;
  const hsts = felt.find((spec) => spec.hsts !== undefined)?.hsts;
  const address = felt.find(({ clientAddress }) => clientAddress !== undefined)?.clientAddress;
  return {
    specs: felt,
    maxBodyBytes: least(felt.map(({ body }) => body?.maxBytes)),
    bodyTimeout: least(felt.map(({ body }) => body?.timeout)),
    maxHeadBytes: least(felt.map(({ headers }) => headers?.maxBytes)),
    hints: felt.find(({ earlyHints }) => earlyHints !== undefined)?.earlyHints,
    underscores: STRICTNESS.find((one) => felt.some(({ headers }) => headers?.underscores === one)) ?? 'Allow',
    requestId: felt.find(({ requestId }) => requestId !== undefined)?.requestId,
    securePatch: hsts === undefined ? null : securePatchOf(hsts),
    address:
      address === undefined
        ? null
        : { trusted: new Networks(address.trustedSources), hops: address.hops ?? 0, header: address.header ?? '' },
  };
}

/** Of those listeners. */
export function clientSpecs(
  listeners: ReadonlyArray<{ key: string }>,
  config: Pick<Snapshot, 'get'> | undefined,
): Spec[] {
  return listeners.flatMap(({ key }) => {
    const policy = config?.get('Policy', policyKey('ClientTraffic', key));
    return policy?.type === 'ClientTraffic' ? [policy.spec] : [];
  });
}

const STRICTNESS = ['Reject', 'Drop', 'Allow'] as const;

/** 0: none says. */
function least(limits: ReadonlyArray<number | undefined>): number {
  const some = limits.flatMap((limit) => limit ?? []);
  return some.length === 0 ? 0 : Math.min(...some);
}

function securePatchOf({ maxAge, includeSubdomains, preload }: NonNullable<Spec['hsts']>): HeaderPatch {
  const value = `max-age=${maxAge}${includeSubdomains ? '; includeSubDomains' : ''}${preload ? '; preload' : ''}`;
  return new HeaderPatch(new Set(['strict-transport-security']), [{ name: 'Strict-Transport-Security', value }]);
}

/** Which addresses a Gateway has got of those that it asks for. Pure. */
import { isIP } from 'node:net';
import type { WantedInfrastructure } from '../../api/index.ts';
import { type AddressRequest, assignAddresses, type FoundAddress, requestText } from '../../value/address-request.ts';

export interface Addresses {
  addresses: Array<{ type: 'IPAddress' | 'Hostname'; value: string; routability: string }>;
  /** Which of those that are asked for are not there, each with the reason. */
  missing?: string;
  problem?: { reason: 'AddressNotUsable' | 'AddressNotAssigned'; message: string };
}

/** The API's limit on a status. */
const MAX_ADDRESSES = 16;

export interface OfferedAddress extends FoundAddress {
  /** Not told where nothing is asked for. */
  aside?: true;
}

export interface Answering {
  /** `namespace/name` of the Service, for messages. */
  name: string;
  whyMissing(request: AddressRequest): string;
}

/** Who asks for nothing gets what there is. */
export function answerRequests(
  { requests }: Pick<WantedInfrastructure, 'requests'>,
  found: readonly OfferedAddress[],
  { name, whyMissing }: Answering,
): Addresses {
  const offered = requests.length > 0 ? found : found.filter(({ aside }) => aside !== true);
  const { given, missing } = assignAddresses(requests, distinct(offered));
  const addresses = given
    .slice(0, MAX_ADDRESSES)
    .map(({ value, routability }) => ({ type: typeOf(value), value, routability }));
  if (missing.length === 0) return { addresses };
  const lacking = missing.map((at) => `${requestText(requests[at]!, at)}: ${whyMissing(requests[at]!)}`).join('; ');
  const values = missing.flatMap((at) => (requests[at]!.routability === '' ? (requests[at]!.value ?? []) : []));
  if (values.length === 0) return { addresses, missing: lacking };
  const outer = found.filter(({ aside }) => aside !== true);
  const got = outer.length === 0 ? 'it has none' : `it has ${outer.map(({ value }) => value).join(', ')}`;
  const message = `spec.addresses: ${values.join(', ')} is not given to Service ${name}: ${got}; ask for addresses that this cluster can give, or for none`;
  return { addresses, missing: lacking, problem: { reason: 'AddressNotUsable', message } };
}

function typeOf(value: string): 'IPAddress' | 'Hostname' {
  return isIP(value) === 0 ? 'Hostname' : 'IPAddress';
}

function distinct(found: readonly OfferedAddress[]): FoundAddress[] {
  return [...new Map(found.map((one) => [one.value, one])).values()];
}

/** Addresses that a Gateway asks for, and which of those that there are is given for each (GEP-5093). */
import { isIP } from 'node:net';

/** An IP address that is the cluster's own: of a Service. */
export const CLUSTER = 'Cluster';
/** Asked for and told by the conformance suite; it promises nothing. */
export const SENTINEL = 'testing.x-k8s.io/sentinel';

/** Of spec.addresses, in its order. */
export interface AddressRequest {
  /** Absent: any. */
  value?: string;
  /** From where it is to be reached; '' where that is not said. */
  routability: string;
}

export interface FoundAddress {
  value: string;
  /** Of whatever is not the cluster's own or one that somebody has a name for, ''. */
  routability: string;
}

export interface Assignment {
  /** One for each request that there is an address for; where nothing is asked for, all. */
  given: FoundAddress[];
  /** Places of the requests that there is none for. */
  missing: number[];
}

/** No address is given for two requests, and none in the place of one that is reached from elsewhere. */
export function assignAddresses(requests: readonly AddressRequest[], found: readonly FoundAddress[]): Assignment {
  if (requests.length === 0) return { given: [...found], missing: [] };
  const left = [...found];
  const given = new Map<number, FoundAddress>();
  const places = requests.map((_, at) => at).sort((a, b) => rank(requests[a]!) - rank(requests[b]!) || a - b);
  for (const place of places) {
    const request = requests[place]!;
    const own = left.findIndex((one) => one.routability === '' && suits(one, request));
    const at = own >= 0 ? own : left.findIndex((one) => suits(one, request));
    if (at < 0) continue;
    const [one] = left.splice(at, 1);
    given.set(place, request.routability === SENTINEL ? { ...one!, routability: SENTINEL } : one!);
  }
  const all = requests.map((_, at) => at);
  return { given: all.flatMap((at) => given.get(at) ?? []), missing: all.filter((at) => !given.has(at)) };
}

/** Who asks for one address alone comes first, who takes any last. */
function rank({ value, routability }: AddressRequest): number {
  return (value === undefined ? 2 : 0) + (routability === '' ? 1 : 0);
}

function suits(found: FoundAddress, { value, routability }: AddressRequest): boolean {
  if (isIP(found.value) === 0 || (value !== undefined && !sameAddress(found.value, value))) return false;
  if (routability === SENTINEL) return found.routability === '';
  if (routability === '') return found.routability === '' || found.routability === CLUSTER;
  return found.routability === routability;
}

/** In words, for messages. */
export function requestText({ value, routability }: AddressRequest, place: number): string {
  const what = [routability, value ?? ''].filter((text) => text !== '').join(', ');
  return `spec.addresses[${place}]${what === '' ? '' : ` (${what})`}`;
}

/** IPv6 has many spellings. */
function sameAddress(one: string, other: string): boolean {
  if (one === other) return true;
  return isIP(one) === 6 && isIP(other) === 6 && canonical(one) === canonical(other);
}

function canonical(ip: string): string {
  return new URL(`http://[${ip}]`).hostname;
}

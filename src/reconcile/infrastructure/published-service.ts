/** Gateways that nothing is made for: clients reach them by a Service that is the user's. Pure. */
import type { WantedInfrastructure } from '../../api/index.ts';
import { type AddressRequest, CLUSTER } from '../../value/address-request.ts';
import { isAtNodes, reachedAddresses, staysOnNode, whyNoNode } from './assigned-address.ts';
import type { LiveObject } from './made-object.ts';
import { type Addresses, answerRequests } from './requested-address.ts';

export interface PublishedService {
  /** Where neither Gateway nor class names one: `namespace/name`. */
  fallback?: string | undefined;
  find(namespace: string, name: string): LiveObject | undefined;
  /** Names of the Services of a namespace. */
  names(namespace: string): string[];
  /** Nodes that have a ready endpoint of the Service. */
  nodesOf(namespace: string, name: string): ReadonlySet<string>;
}

interface Asked {
  wanted: WantedInfrastructure;
  unmanaged: NonNullable<WantedInfrastructure['unmanaged']>;
  nodes(): LiveObject[];
}

export function publishedAddresses(known: PublishedService, { wanted, unmanaged, nodes }: Asked): Addresses {
  const named = unmanaged.publishService ?? known.fallback;
  const none = (message: string): Addresses => ({
    addresses: [],
    problem: { reason: 'AddressNotAssigned', message },
  });
  if (named === undefined) {
    return none(
      `nothing is made for Gateways of class ${wanted.className}: name the Service that leads to its data planes with the annotation daemun.dev/publish-service or with --publish-service`,
    );
  }
  const [namespace = '', name = ''] = named.split('/');
  const service = known.find(namespace, name);
  if (service === undefined) {
    const others = known.names(namespace);
    const there = others.length === 0 ? `namespace ${namespace} has none` : `there are ${others.join(', ')}`;
    return none(`Service ${named} that clients are to use does not exist: ${there}`);
  }
  const whyMissing = ({ routability }: AddressRequest): string =>
    routability === '' || routability === CLUSTER ? 'the Service has no such address' : 'nothing is known of it';
  const serving = (): ReadonlySet<string> => known.nodesOf(namespace, name);
  const found = reachedAddresses(service, { nodes, serving });
  const answered = answerRequests(wanted, found, { name: named, whyMissing });
  if (answered.addresses.length > 0 || answered.problem !== undefined) return answered;
  const nowhere = isAtNodes(service) && staysOnNode(service) ? whyNoNode(named) : `Service ${named} has no address yet`;
  return { ...answered, ...none(answered.missing ?? nowhere) };
}

import { isIP } from 'node:net';
import {
  ACME_ANNOTATION,
  DATA_PLANE_ADMIN_PORT,
  type DaemunParametersSpec,
  GATEWAY_GROUP,
  GATEWAY_REASON,
  type Gateway,
  type GatewayAddress,
  OWN_GROUP,
} from '../../api/index.ts';
import { type AddressRequest, requestText, SENTINEL } from '../../value/address-request.ts';
import type { TranslateOptions } from '../inputs.ts';
import type { Lookup } from '../lookup.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import type { AdoptedClass } from './gateway-class.ts';
import { issuersAsked } from './issuer.ts';
import {
  isParameters,
  isProblem,
  mergedParameters,
  type NodeNetwork,
  nodeNetwork,
  readParameters,
} from './parameters.ts';
import { selectorFault, selectorField } from './selector.ts';

/** A Gateway of ours, without its listeners. */
export interface ManagedGateway {
  /** `namespace/name`. */
  key: string;
  namespace: string;
  name: string;
  created: string;
  generation?: number;
  controllerName: string;
  /** It takes routes that use default Gateways. */
  isDefault: boolean;
  /** What it asks for; empty: whatever it gets. */
  requests: AddressRequest[];
  /** IP addresses that it asks for, from wherever they are reached; empty: any. */
  asked: string[];
  /** Those that its sockets are bound to: none where what it asks for is a load balancer's and not of the data planes. */
  addresses: string[];
  /** The admin API's on the data planes that are made for it, by TCP: no listener can have it. Absent: there is none. */
  ownPort?: number;
  /** A Service is made that has all its ports. */
  hasService?: true;
  /** Its data planes are on the network of these nodes. */
  nodes?: NodeNetwork;
  /** Certificates that its listeners lack are obtained by ACME. */
  acme: boolean;
  /** Issuers that its annotations ask cert-manager for. */
  issuers: string[];
  /** Why it is not Accepted, its listeners aside. */
  problems: Problem[];
  /** Why it is not served at all though accepted: nowhere can it be reached from where it asks to be. */
  unassigned?: string;
  /** Nothing of it is served, for its problems or since it could be reached only from elsewhere. */
  withheld: boolean;
  /** What is left out without harm. */
  ignored: Array<{ field: string; message: string }>;
}

/** Whose references are judged when a listener of a Gateway makes them. */
export function gatewayReferrer(namespace: string): { group: string; kind: string; namespace: string } {
  return { group: GATEWAY_GROUP, kind: 'Gateway', namespace };
}

export function manage(look: Lookup, gateway: Gateway, adopted: AdoptedClass): ManagedGateway {
  const { options } = look;
  const { namespace = '', name, creationTimestamp = '', generation } = gateway.metadata;
  const problems: Problem[] = [];
  const ignored: ManagedGateway['ignored'] = [];
  if (adopted.problem) {
    const message = `GatewayClass ${adopted.name} is not accepted: ${adopted.problem.message}`;
    const { keeps } = adopted.problem;
    problems.push({
      ...problem(GATEWAY_REASON.Invalid, 'spec.gatewayClassName', message),
      ...(keeps ? { keeps } : {}),
    });
  }
  if (gateway.misread !== undefined) {
    const { field, message } = gateway.misread;
    const fate = 'what else can be read of it is served, and what was made for it stays as it is';
    problems.push({ ...problem(GATEWAY_REASON.Invalid, field, `${message}; ${fate}`), keeps: true });
  }
  const parameters = judgeParameters(look, gateway, { problems, ignored });
  const admission = gateway.spec.allowedListeners?.namespaces;
  const fault = admission?.from === 'Selector' ? selectorFault(admission.selector) : undefined;
  if (fault !== undefined) {
    const message = `${fault.message}: no ListenerSet is selected until it is mended`;
    ignored.push({ field: selectorField('spec.allowedListeners.namespaces.selector', fault), message });
  }
  const requests = addressRequests(gateway.spec.addresses ?? [], problems);
  const asked = requests.flatMap(({ value, routability }) =>
    value !== undefined && isReachedAnyhow(routability) ? [value] : [],
  );
  const addresses = options.shared ? asked : [];
  const unassigned = options.shared ? unreachable(requests) : undefined;
  for (const [at, { routability }] of requests.entries()) {
    if (!options.shared || isReachedAnyhow(routability)) continue;
    ignored.push({ field: `spec.addresses[${at}].routability`, message: `${routability}: ${NO_SUCH_PLACE}` });
  }
  const withheld = unassigned !== undefined || problems.some(({ keeps }) => !keeps);
  const { controllerName } = adopted;
  const acme = asksForAcme(gateway, options, ignored);
  const issuers = issuersAsked(gateway.metadata.annotations);
  const key = `${namespace}/${name}`;
  const identity = { key, namespace, name, created: creationTimestamp, generation };
  const isDefault = gateway.spec.defaultScope === 'All';
  const managed: ManagedGateway = {
    ...identity,
    controllerName,
    isDefault,
    requests,
    asked,
    addresses,
    acme,
    issuers,
    problems,
    withheld,
    ignored,
  };
  if (!options.shared && adopted.unmanaged === undefined) {
    managed.hasService = true;
    const nodes = nodeNetwork(mergedParameters(adopted.parameters, parameters));
    if (nodes === undefined) managed.ownPort = DATA_PLANE_ADMIN_PORT;
    else managed.nodes = nodes;
  }
  return unassigned === undefined ? managed : { ...managed, unassigned };
}

function asksForAcme({ metadata }: Gateway, { acme }: TranslateOptions, ignored: ManagedGateway['ignored']): boolean {
  const asked = metadata.annotations?.[ACME_ANNOTATION];
  const field = `metadata.annotations["${ACME_ANNOTATION}"]`;
  if (acme === undefined) {
    const message = 'no certificate is obtained here: give the listeners Secrets, as cert-manager makes them';
    if (asked === 'true') ignored.push({ field, message });
    return false;
  }
  if (asked === undefined || asked === 'true' || asked === 'false')
    return asked === undefined ? acme : asked === 'true';
  const message = `"${asked}" says nothing: write "true" or "false", in quotation marks`;
  ignored.push({ field, message });
  return acme;
}

/** Its own, where they can be read. */
function judgeParameters(
  look: Lookup,
  gateway: Gateway,
  into: Pick<ManagedGateway, 'problems' | 'ignored'>,
): DaemunParametersSpec | undefined {
  const reference = gateway.spec.infrastructure?.parametersRef;
  if (reference === undefined) return undefined;
  const field = 'spec.infrastructure.parametersRef';
  const what = `${reference.kind} ${reference.name}`;
  if (look.options.shared) {
    into.ignored.push({ field, message: `parameters in ${what} are ignored: this gateway does not read them` });
  } else if (isParameters(reference)) {
    const { namespace = '' } = gateway.metadata;
    const at = { field, reason: GATEWAY_REASON.InvalidParameters };
    const read = readParameters(look, { ...reference, namespace }, at);
    if (!isProblem(read)) return read;
    into.problems.push(read);
  } else {
    const message = `${what} is no kind of parameters that this controller reads; name DaemunParameters of group ${OWN_GROUP}, or remove it`;
    into.problems.push(problem(GATEWAY_REASON.InvalidParameters, field, message));
  }
  return undefined;
}

function addressRequests(addresses: ReadonlyArray<GatewayAddress>, problems: Problem[]): AddressRequest[] {
  const requests: AddressRequest[] = [];
  for (const [at, { type, value = '', routability = '' }] of addresses.entries()) {
    const field = `spec.addresses[${at}]`;
    requests.push(value === '' ? { routability } : { value, routability });
    if (type !== 'IPAddress') {
      const message = `addresses of type ${type} are not supported: use type IPAddress`;
      problems.push(problem(GATEWAY_REASON.UnsupportedAddress, field, message));
    } else if (value !== '' && isIP(value) === 0) {
      problems.push(problem(GATEWAY_REASON.UnsupportedAddress, `${field}.value`, `${value} is no IP address`));
    }
  }
  return requests;
}

/** No address is promised to be reached from anywhere in particular. */
function isReachedAnyhow(routability: string): boolean {
  return routability === '' || routability === SENTINEL;
}

/** Sockets of a shared fleet are reached from wherever the machine is. */
function unreachable(requests: readonly AddressRequest[]): string | undefined {
  if (requests.length === 0 || requests.some(({ routability }) => isReachedAnyhow(routability))) return undefined;
  const asked = requests.map(requestText).join(', ');
  return `${asked}: ${NO_SUCH_PLACE}, and nothing of it is served that could be reached from elsewhere`;
}

/** Of what is asked for and cannot be given where there is no cluster. */
export const NO_SUCH_PLACE =
  'no address here is reached from there alone: leave routability out to be reached from wherever this machine is';

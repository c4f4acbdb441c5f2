import { isIPv4, isIPv6 } from 'node:net';
import { apiVersionOf, type EndpointSlice, SERVICE_NAME_LABEL, type Service } from '../api/index.ts';

/** `--endpoint ns/service:port=host:port[,host:port]`: where a Service's requests go, when no file says it. */
export interface EndpointOption {
  /** As given. */
  text: string;
  namespace: string;
  service: string;
  /** The Service's port: its number, or its name. */
  port: number | string;
  /** Hosts are IP addresses (IPv6 without brackets) or DNS names. */
  targets: Array<{ host: string; port: number }>;
}

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const OPTION = new RegExp(`^(${LABEL})/(${LABEL}):(${LABEL})=(.+)$`);
const TARGET = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/;
const HOSTNAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Reads the option's text. Throws a plain Error whose message quotes the text and shows the form. */
export function parseEndpointOption(text: string): EndpointOption {
  const fail = (why: string): Error =>
    new Error(`--endpoint ${text}: ${why}; write namespace/service:port=host:port[,host:port]`);
  const parts = OPTION.exec(text);
  if (!parts) throw fail('it does not have the form that is needed');
  const [, namespace, service, port, list] = parts as unknown as [string, string, string, string, string];
  if (/^\d+$/.test(port) && !isPort(Number(port))) throw fail(`the Service's port ${port} is not 1 to 65535`);
  const targets = list.split(',').map((target) => {
    const [, bracketed, plain, digits] = TARGET.exec(target) ?? [];
    // A name on this machine and not one of the DNS: it must not depend on a resolver.
    const host = plain === 'localhost' ? '127.0.0.1' : (bracketed ?? plain);
    if (host === undefined) throw fail(`"${target}" is not host:port (an IPv6 address goes in [brackets])`);
    if (bracketed === undefined ? !isIPv4(host) && !isName(host) : !isIPv6(host) || host.includes('%')) {
      throw fail(`"${target}" has neither an IP address nor a DNS name`);
    }
    if (!isPort(Number(digits))) throw fail(`the port of "${target}" is not 1 to 65535`);
    return { host, port: Number(digits) };
  });
  return { text, namespace, service, port: /^\d+$/.test(port) ? Number(port) : port, targets };
}

/**
 * The EndpointSlices that say the same: one for each port and form of address among the targets. They name the
 * Service's port as the Service does, since that is what EndpointSlices are matched by.
 */
export function endpointSlices(option: EndpointOption, service: Service | undefined): EndpointSlice[] {
  const { namespace, port } = option;
  // Two may have the number, as DNS has: one for TCP, one for UDP.
  const found = service?.spec.ports?.filter((candidate) => candidate.port === port || candidate.name === port) ?? [];
  const servicePorts = found.length > 0 ? found : [undefined];
  const groups = Map.groupBy(option.targets, (target) => `${addressType(target.host)}-${target.port}`);
  return [...groups.values()].map((targets): EndpointSlice => {
    const first = targets[0]!;
    const type = addressType(first.host);
    return {
      apiVersion: apiVersionOf('EndpointSlice'),
      kind: 'EndpointSlice',
      metadata: {
        name: `${option.service}-${port}-${type.toLowerCase()}-${first.port}`,
        namespace,
        labels: { [SERVICE_NAME_LABEL]: option.service },
      },
      addressType: type,
      endpoints: targets.map(({ host }) => ({ addresses: [host], conditions: { ready: true } })),
      ports: servicePorts.map((one) => ({
        name: one?.name ?? '',
        port: first.port,
        protocol: one?.protocol ?? 'TCP',
      })),
    };
  });
}

function addressType(host: string): EndpointSlice['addressType'] {
  if (isIPv4(host)) return 'IPv4';
  return isIPv6(host) ? 'IPv6' : 'FQDN';
}

/** All digits and dots would be an address with a mistake in it. */
function isName(host: string): boolean {
  return host.length <= 253 && HOSTNAME.test(host) && !/^[\d.]+$/.test(host);
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}

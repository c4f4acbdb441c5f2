/** The manifests that say what `daemun proxy` was asked for: what a user would write, in the order of reading. */
import { stringify } from 'yaml';
import { ACME_ANNOTATION, apiVersionOf, type Kind } from '../../api/index.ts';
import { endpointSlices, parseEndpointOption } from '../../sources/index.ts';
import { CONTROLLER_NAME } from '../../value/controller-name.ts';
import type { ProxiedSite } from './proxied-site.ts';

const NAMESPACE = 'proxy';
const GATEWAY = 'proxy';
/** Of the Services, whose endpoints have ports of their own. */
const SERVICE_PORT = 80;
const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/** Room for a number within a label of DNS. */
const NAME_LENGTH = 50;

/** Where certificates come from: from files or an authority. Absent: plain HTTP. */
export type SiteTls = 'acme' | 'files' | undefined;

type Manifest = { metadata: { name: string } } & Record<string, unknown>;

/** Throws an Error for targets that cannot be read. */
export function siteManifests(sites: ReadonlyArray<ProxiedSite>, tls: SiteTls): string {
  const names = new Set<string>();
  const port = tls === undefined ? HTTP_PORT : HTTPS_PORT;
  const parts = sites.flatMap((site) => backendOf(site, { name: uniqueName(site, names), port }));
  const objects = [gatewayClass(), gateway(sites, tls), ...(tls === undefined ? [] : [redirect()]), ...parts];
  return objects.map((object) => stringify(object, { lineWidth: 0 })).join('---\n');
}

function manifest(kind: Kind, metadata: Record<string, unknown> & { name: string }, spec: object): Manifest {
  return { apiVersion: apiVersionOf(kind), kind, metadata, spec };
}

function gatewayClass(): Manifest {
  return manifest('GatewayClass', { name: 'daemun' }, { controllerName: CONTROLLER_NAME });
}

/** With TLS a listener for each host, since each has a certificate of its own. */
function gateway(sites: ReadonlyArray<ProxiedSite>, tls: SiteTls): Manifest {
  const http = { name: 'http', port: HTTP_PORT, protocol: 'HTTP' };
  const hosts = [...new Set(sites.map(({ host }) => host))];
  const https = hosts.map((hostname, at) => ({
    name: hosts.length === 1 ? 'https' : `https-${at + 1}`,
    port: HTTPS_PORT,
    protocol: 'HTTPS',
    ...(hostname === undefined ? {} : { hostname }),
  }));
  const annotations = tls === 'acme' ? { annotations: { [ACME_ANNOTATION]: 'true' } } : {};
  const metadata = { name: GATEWAY, namespace: NAMESPACE, ...annotations };
  const listeners = tls === undefined ? [http] : [http, ...https];
  return manifest('Gateway', metadata, { gatewayClassName: 'daemun', listeners });
}

function redirect(): Manifest {
  const filter = { type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } };
  const parentRefs = [{ name: GATEWAY, sectionName: 'http' }];
  return manifest(
    'HTTPRoute',
    { name: 'to-https', namespace: NAMESPACE },
    { parentRefs, rules: [{ filters: [filter] }] },
  );
}

interface Placed {
  name: string;
  /** Of the listeners that it attaches to. */
  port: number;
}

/** A route, its Service, and the Service's endpoints. */
function backendOf({ host, path, targets }: ProxiedSite, { name, port }: Placed): Manifest[] {
  const metadata = { name, namespace: NAMESPACE };
  const route = manifest('HTTPRoute', metadata, {
    parentRefs: [{ name: GATEWAY, port }],
    ...(host === undefined ? {} : { hostnames: [host] }),
    rules: [
      {
        ...(path === '/' ? {} : { matches: [{ path: { type: 'PathPrefix', value: path } }] }),
        backendRefs: [{ name, port: SERVICE_PORT }],
      },
    ],
  });
  const service = manifest('Service', metadata, { ports: [{ port: SERVICE_PORT }] });
  const endpoints = parseEndpointOption(`${NAMESPACE}/${name}:${SERVICE_PORT}=${targets}`);
  return [route, service, ...endpointSlices(endpoints, undefined).map((slice) => ({ ...slice }))];
}

/** As Services are called: of the host and the path, with a number where that is taken. */
function uniqueName({ host, path }: ProxiedSite, taken: Set<string>): string {
  const text = `${host ?? 'any'}${path}`
    .toLowerCase()
    .replace('*', 'any')
    .replace(/[^a-z0-9]+/g, '-');
  const base = `to-${text.replace(/^-|-$/g, '')}`.slice(0, NAME_LENGTH).replace(/-$/, '');
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base}-${count}`;
  taken.add(name);
  return name;
}

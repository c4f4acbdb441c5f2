/** The suite's manifests made ready for one machine: an address for each Gateway, a stand-in for each Pod that needs one. */
import { parseAllDocuments } from 'yaml';
import type { StandInKind } from './stand-in.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; creationTimestamp?: string };
  spec: Spec;
  data?: Record<string, string>;
}

/** What is looked at or edited in the specs of all kinds. Only what its kind has is there, which the caller knows. */
export interface Spec {
  controllerName?: string;
  description?: string;
  hostnames: string[];
  addresses?: Array<{ type?: string; value?: string }>;
  listeners: Listener[];
  rules: Array<{ matches?: object[]; backendRefs: Array<{ name: string; port: number }> }>;
  selector?: { app: string };
  ports: ServicePort[];
  template: { metadata: { labels: { app: string } }; spec: PodSpec };
  validation: { hostname: string; caCertificateRefs: Array<{ name: string }> };
}

export interface Listener {
  name: string;
  port: number;
  protocol: string;
  hostname?: string;
  allowedRoutes?: object;
}

interface ServicePort {
  port: number;
  targetPort: number;
}

interface PodSpec {
  containers: Array<{ image: string; env?: Array<{ name: string }> }>;
  volumes?: Array<{ secret?: { secretName: string } }>;
}

/** A Service port, and the Pod behind it. */
export interface PodPort {
  /** As `--endpoint` names it: `namespace/service:port`. */
  service: string;
  kind: StandInKind;
  name: string;
  namespace: string;
  /** `namespace/name` of the Secret that the Pod serves TLS with. */
  secret?: string;
}

/** The suite's namespace for Gateways and most of what they serve. */
export const INFRA = 'gateway-conformance-infra';
const CLASS = 'conformance';
const TLS_PORT = 8443;

/** Documents of `text`, with the suite's placeholders filled in. */
export function readManifests(text: string): Manifest[] {
  const filled = text
    .replaceAll('{GATEWAY_CLASS_NAME}', CLASS)
    .replaceAll('{GATEWAY_CONTROLLER_NAME}', 'example.com/conformance');
  return parseAllDocuments(filled)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

export function gatewayClass(): Manifest {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: CLASS },
    spec: { controllerName: 'example.com/conformance' } as Spec,
  };
}

/** Gateways that ask for no address get one of 127.0.1.0/24: in a cluster each would have a load balancer's. */
export function giveAddresses(manifests: Manifest[]): void {
  const gateways = manifests.filter(({ kind, spec }) => kind === 'Gateway' && spec.addresses === undefined);
  for (const [at, { spec }] of gateways.entries()) {
    spec.addresses = [{ type: 'IPAddress', value: `127.0.1.${at + 1}` }];
  }
}

export function writtenPorts(manifests: Manifest[]): number[] {
  const owners = manifests.filter(({ kind }) => kind === 'Gateway' || kind === 'ListenerSet');
  return owners.flatMap(({ spec }) => spec.listeners.map(({ port }) => port));
}

/** What runs behind the Services' selectors, as the Deployments say it. */
export function podPorts(manifests: Manifest[]): PodPort[] {
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  return manifests
    .filter(({ kind }) => kind === 'Service')
    .flatMap(({ metadata, spec }) => {
      const { namespace } = metadata;
      const app = spec.selector?.app;
      const selected = deployments.filter(
        (one) => one.metadata.namespace === namespace && one.spec.template.metadata.labels.app === app,
      );
      return selected.flatMap((deployment) => spec.ports.map((port) => podPort(metadata, deployment, port)));
    });
}

function podPort(
  { namespace = '', name }: Manifest['metadata'],
  deployment: Manifest,
  { port, targetPort }: ServicePort,
): PodPort {
  const { containers, volumes = [] } = deployment.spec.template.spec;
  const { image, env = [] } = containers[0]!;
  const secret = volumes.map((volume) => volume.secret?.secretName).find((one) => one !== undefined);
  return {
    service: `${namespace}/${name}:${port}`,
    kind: image.includes('coredns') ? 'dns' : kindOf(new Set(env.map((variable) => variable.name))),
    name: deployment.metadata.name,
    namespace,
    ...(targetPort === TLS_PORT && secret ? { secret: `${namespace}/${secret}` } : {}),
  };
}

function kindOf(env: ReadonlySet<string>): StandInKind {
  // Another port than the Service's: nothing listens there.
  if (env.has('TCP_PORT')) return 'none';
  if (env.has('UDP_ECHO_SERVER')) return 'udp';
  if (env.has('TCP_ECHO_SERVER')) return 'tcp';
  return env.has('GRPC_ECHO_SERVER') ? 'grpc' : 'http';
}

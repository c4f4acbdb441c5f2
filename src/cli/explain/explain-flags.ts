/** What `daemun explain` is given on its command line. */
import type { HostPort } from '../address.ts';
import type { ClusterFlags } from '../cluster-option.ts';
import type { PortMap } from '../port-map.ts';

export interface ExplainFlags extends ClusterFlags {
  file?: string[];
  admin?: HostPort;
  request: string;
  header?: Array<readonly [string, string]>;
  cookie?: string[];
  clientAddress?: string;
  /** PEM. */
  clientCertificate?: string;
  bodySize?: number;
  claim?: Array<readonly [string, string]>;
  controllerName?: string[];
  endpoint?: string[];
  certificate?: string[];
  echoBackends?: boolean;
  portMap?: PortMap;
  adminTokenFile?: string;
  /** `namespace/name`: of several Gateways of a cluster, the one that is asked. */
  gateway?: string;
  output: 'text' | 'json';
}

/** What `daemun explain` is given on its command line. */
import type { HostPort } from '../address.ts';

export interface ExplainFlags {
  file?: string[];
  admin?: HostPort;
  request: string;
  header?: Array<readonly [string, string]>;
  controllerName?: string[];
  endpoint?: string[];
  echoBackends?: boolean;
  adminTokenFile?: string;
  output: 'text' | 'json';
}

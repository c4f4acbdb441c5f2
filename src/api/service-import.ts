import type { Resource } from './resource.ts';

/** A Service of several clusters, as this one knows it. */
export interface ServiceImport extends Resource {
  kind: 'ServiceImport';
  spec: {
    type: 'ClusterSetIP' | 'Headless';
    ports?: ImportPort[];
    /** Where it can be reached as a whole; empty where type is Headless. */
    ips?: string[];
  };
}

export interface ImportPort {
  /** Required where there are several ports. */
  name?: string;
  port: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  appProtocol?: string;
}

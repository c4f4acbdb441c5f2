import type { Condition } from './condition.ts';
import type { LocalObjectReference, ParentReference, PolicyTargetReference } from './reference.ts';
import type { Resource } from './resource.ts';

export interface BackendTLSPolicy extends Resource {
  kind: 'BackendTLSPolicy';
  spec: {
    targetRefs: PolicyTargetReference[];
    /** Exactly one of caCertificateRefs and wellKnownCACertificates is there. */
    validation: {
      caCertificateRefs?: LocalObjectReference[];
      wellKnownCACertificates?: string;
      hostname: string;
      subjectAltNames?: SubjectAltName[];
    };
    options?: Record<string, string>;
    /** Stands for a policy that cannot be read: why. Nobody can write it. */
    refused?: string;
  };
  status?: PolicyStatus;
}

export interface SubjectAltName {
  type: 'Hostname' | 'URI';
  hostname?: string;
  uri?: string;
}

export interface PolicyStatus {
  ancestors: PolicyAncestorStatus[];
}

/** What one controller says about a policy for one of the Gateways that it works on. */
export interface PolicyAncestorStatus {
  ancestorRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

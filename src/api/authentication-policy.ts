import type { HTTPRouteMatch } from './http-route.ts';
import type { RequestPolicy } from './request-policy.ts';

/** Who asks: what is guarded is answered only where it is known. */
export interface AuthenticationPolicy extends RequestPolicy<Authentication> {
  kind: 'AuthenticationPolicy';
}

export interface Authentication {
  methods: AuthenticationEntry[];
  /** Of several methods: whether one of them must say who it is, or each. */
  require?: 'Any' | 'All';
  /** Paths for which nobody is asked. */
  anonymousPaths?: Array<HTTPRouteMatch['path']>;
  /** Networks whose clients are not asked. */
  anonymousAddresses?: string[];
  /** Lines for the backend; what clients write into them never gets there. */
  claimsToHeaders?: Array<{ name: string; claim: string }>;
}

/** One of these, and a name. */
export interface AuthenticationEntry {
  name?: string;
  basic?: BasicAuthentication;
}

/** A Secret that holds what clients prove themselves with; in another namespace by a ReferenceGrant. */
export interface CredentialReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
}

/** User and password (RFC 7617). */
export interface BasicAuthentication {
  /** AuthFile: lines as htpasswd writes them, under `auth`. AuthMap: a key for each user. */
  secretRef: CredentialReference;
  format?: 'AuthFile' | 'AuthMap';
  realm?: string;
  /** Whether the backend gets the Authorization line; absent: yes. */
  forwardCredential?: boolean;
}

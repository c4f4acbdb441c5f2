/** Of a rule of an HTTPRoute or GRPCRoute (GEP-1619). */
export interface SessionPersistence {
  type: 'Cookie' | 'Header';
  /** A duration. */
  absoluteTimeout?: string;
  cookie?: {
    /** Absent: one of its own for each rule. */
    name?: string;
    lifetimeType?: 'Session' | 'Permanent';
    path?: string;
  };
  header?: { name: string };
}

/** Of a BackendTrafficPolicy: what ingress-nginx can say, too. */
export interface BackendSessionPersistence extends SessionPersistence {
  mode: 'Persistent' | 'Balanced';
  changeOnFailure?: boolean;
  /** A duration. */
  idleTimeout?: string;
  canaryBehavior: 'Sticky' | 'Legacy';
  cookie?: SessionPersistence['cookie'] & {
    /** In the place of `path`. */
    pathFromMatch?: boolean;
    domain?: string;
    sameSite?: 'Strict' | 'Lax' | 'None';
    conditionalSameSiteNone?: boolean;
    secure: 'Auto' | 'Always' | 'Never';
    maxAgeSeconds?: number;
    expiresSeconds?: number;
  };
}

import type { BackendObjectReference } from './reference.ts';
import type { RequestPolicy } from './request-policy.ts';

/** What becomes of answers. */
export interface ResponsePolicy extends RequestPolicy<ResponseSettings> {
  kind: 'ResponsePolicy';
}

export interface ResponseSettings {
  securityHeaders?: {
    contentSecurityPolicy?: string;
    contentTypeOptions?: 'nosniff';
    frameOptions?: 'DENY' | 'SAMEORIGIN';
    permissionsPolicy?: string;
    referrerPolicy?: string;
    strictTransportSecurity?: string;
  };
  /** For answers of these statuses, whoever gave them; the status stays. */
  errorPages?: ErrorPage[];
  /** In the place of backends. */
  directResponse?: { statusCode: number; contentType?: string; body?: string };
  /** 503 for all but these. */
  maintenance?: { body?: string; contentType?: string; retryAfterSeconds?: number; exempt?: string[] };
  cookieDomains?: Array<{ from: string; to: string }>;
  cookiePaths?: Array<{ from: string; to: string }>;
  locations?: Array<{ from: string; to: string }>;
  /** Of answers to GET, for others who ask the same. */
  cache?: CacheRules;
  /** Disabled: the access log has no line of the requests. */
  accessLog?: 'Enabled' | 'Disabled';
  compression?: {
    algorithms?: Array<'br' | 'gzip' | 'zstd'>;
    types?: string[];
    minimumBytes?: number;
    level?: number;
  };
}

/** A body, or a service that makes one. */
export interface ErrorPage {
  codes: number[];
  contentType?: string;
  body?: string;
  backendRef?: BackendObjectReference;
}

export interface CacheRules {
  maxObjectBytes?: number;
  maxBytes?: number;
  /** On the disk that whoever runs the gateway gives it. */
  disk?: { maxBytes?: number };
  /** Durations. */
  defaultTtl?: string;
  staleWhileRevalidate?: string;
  staleIfError?: string;
  keyHeaders?: string[];
  generation?: string;
}

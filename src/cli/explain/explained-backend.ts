import type { Endpoint } from '../../config/index.ts';
import type { FilterEffect } from './filter-effect.ts';
import type { PolicyEffect } from './policy-effect.ts';

export interface ExplainedBackend {
  /** '' where the reference is broken. */
  key: string;
  weight: number;
  /** Of the requests that come here, 0 to 1. */
  share: number;
  protocol: string;
  /** Whom its certificate must name; absent: no TLS is spoken. */
  tls?: string;
  broken?: string;
  endpoints: Endpoint[];
  dns?: { hostname: string; port: number };
  /** Which question they are asked by themselves, and what a running gateway says of them. */
  health?: string[];
  filters: FilterEffect[];
  /** How one of its endpoints is chosen, and what else a BackendTrafficPolicy says of it. */
  traffic?: string;
  /** Those who say how connections to it are made, each with what is its own; absent: nobody, or it is not known who. */
  policies?: PolicyEffect[];
}

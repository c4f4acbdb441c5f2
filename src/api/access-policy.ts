import type { HTTPRouteMatch, HTTPValueMatch } from './http-route.ts';
import type { RequestPolicy } from './request-policy.ts';

/** Who may ask for what. */
export interface AccessPolicy extends RequestPolicy<AccessRules> {
  kind: 'AccessPolicy';
}

export interface AccessRules {
  /** Whoever one of these takes is refused, whatever allow says. */
  deny?: AccessEntry[];
  /** Where there are any, whoever none of these takes is refused. */
  allow?: AccessEntry[];
  /** What may change something must come from this site, or from one of these. */
  csrf?: { allowedOrigins?: string[]; withoutOrigin: 'Deny' | 'Allow' };
  /** Of a request's body (413). */
  maxBodyBytes?: number;
  /** Of a refusal. */
  refusal?: { statusCode?: number; contentType?: string; body?: string };
  /** Nothing is refused, and what would be is told. */
  shadow?: boolean;
}

/** Takes a request for which all that is said holds. */
export interface AccessEntry {
  name?: string;
  addresses?: string[];
  /** ISO 3166-1 codes, such as DE, by the data plane's database (`--country-database`). */
  countries?: string[];
  methods?: string[];
  paths?: Array<HTTPRouteMatch['path']>;
  headers?: HTTPValueMatch[];
  times?: AccessTime[];
  /** What an AuthenticationPolicy has found of who asks: all of these must hold. */
  claims?: AccessClaim[];
  cel?: string;
}

/** A claim (of a list: one of its items; of `scope` and `scp`: one of their words) that is one of the values. */
export interface AccessClaim {
  name: string;
  values: string[];
}

export interface AccessTime {
  days?: Array<'Sunday' | 'Monday' | 'Tuesday' | 'Wednesday' | 'Thursday' | 'Friday' | 'Saturday'>;
  /** Such as 08:30; to the minute. */
  from?: string;
  to?: string;
  /** Of the IANA's database, such as Europe/Berlin. */
  timeZone?: string;
}

/** What a policy that limits is made with, and which requests one limit of it counts. */
import type { Limit } from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import type { PolicyState } from '../state/index.ts';
import type { FilterScope } from './filter.ts';
import { KeyReader, requestPart } from './limit-key.ts';
import { RequestMatches } from './request-match.ts';

export interface LimitingPolicy {
  /** `Kind/namespace/name` of the user's. */
  readonly source: string;
  readonly yields: boolean;
  readonly state: PolicyState;
  /** Limits by claims act after those who ask are known. */
  readonly step?: 'request-limits' | 'claim-limits';
}

export class LimitScope {
  readonly key: KeyReader;
  /** Whose its buckets are. */
  readonly owner: number;
  readonly #matches: RequestMatches;
  readonly #exempt: Networks | null;

  constructor({ name, key, when, exempt }: Limit, { source, yields, state }: LimitingPolicy) {
    // Defaults and overrides of one policy may have the same names.
    this.key = new KeyReader(`${source} ${yields} ${name}`, key.map(requestPart), state.seed);
    this.owner = state.bucketOwners.of(source, name);
    this.#matches = new RequestMatches(when, 'Any');
    this.#exempt = exempt.length === 0 ? null : new Networks(exempt);
  }

  counts(scope: FilterScope): boolean {
    return this.#matches.holds(scope.head) && (this.#exempt === null || !this.#exempt.has(scope.clientAddress));
  }
}

/** What the cache knows of one request, and what becomes of it. */
import { fieldHash } from '../../ground/head.ts';
import type { ComingAnswer, Fetch, StoredAnswer } from '../../state/index.ts';
import type { FilterScope } from '../filter.ts';
import { IDENTITY, VOUCHED } from '../identity.ts';
import { type Condition, conditionOf, type Wishes } from './cached-request.ts';
import type { ChangedPlace } from './changed-place.ts';
import type { Told } from './kept-answer.ts';
import { toldLines } from './told-lines.ts';

/** What becomes of one request. */
export type Course =
  /** The backend is asked; `changed`: of a request that may change something, what is then not as it is kept. */
  | { type: 'pass'; status: string; changed: ChangedPlace | null }
  /** It was answered. */
  | { type: 'hit'; status: string }
  | Fetching;

export interface Fetching extends ComingAnswer, Told {
  type: 'fetch';
  condition: Condition | null;
  /** Its Host has capitals, to which a backend may say something that it says to nobody else: others do not get the answer. */
  odd: boolean;
  /** Kept, and asked about. */
  stale: StoredAnswer | undefined;
  /** It asks for all, and has not told them. */
  fetch: Fetch | null;
  /** It has waited for others as long as may be. */
  late: boolean;
  status: string;
}

/** What is known of a request when it is looked for. */
export interface Asked {
  key: string;
  host: string;
  target: string;
  found: StoredAnswer | undefined;
  wishes: Wishes | null;
  now: number;
  personal: boolean;
  odd: boolean;
}

/** It is known who asks, or filters told the backend something of this request: its answer may be for him alone. */
export function isPersonal(scope: FilterScope): boolean {
  return (
    scope.head.find('authorization', AUTHORIZATION) >= 0 ||
    scope.kept(IDENTITY) !== undefined ||
    scope.kept(VOUCHED) === true ||
    // Its certificate is told to the backend.
    scope.client.tls?.identityLines !== undefined ||
    scope.client.tls?.peerVerified === true ||
    !scope.requestPatch.isEmpty
  );
}

const AUTHORIZATION = fieldHash('authorization');

export function fetchingOf(scope: FilterScope, { key, host, target, found, wishes, personal, odd }: Asked): Fetching {
  const request = toldLines(scope);
  const condition = conditionOf(scope.head);
  const status = wishes?.noCache ? 'fwd=request' : found === undefined ? 'fwd=uri-miss' : 'fwd=stale';
  if (personal) request.authorization ??= '-';
  const told = { request, patch: scope.requestPatch };
  return {
    type: 'fetch',
    key,
    host,
    target,
    void: false,
    ...told,
    odd,
    condition,
    stale: found,
    fetch: null,
    late: false,
    status,
  };
}

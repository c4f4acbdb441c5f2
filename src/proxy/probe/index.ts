/** How endpoints are asked how they do, besides what requests say of them. */
export type { CheckedEndpoint, CheckWatcher } from './checked-endpoint.ts';
export { findingWord } from './finding.ts';
export type { ProbeSite } from './probe.ts';
export { ProbeBook } from './probe-book.ts';

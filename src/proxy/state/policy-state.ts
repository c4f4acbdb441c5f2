/** What policies remember, whatever is edited around them. One for a data plane. */
import { randomBytes } from 'node:crypto';
import type { MetricsSnapshot } from '../../observe/index.ts';
import { type Buckets, MemoryBuckets } from './buckets.ts';
import { PolicyCounts } from './policy-counts.ts';
import { MemoryUnderway, type Underway } from './underway.ts';

export class PolicyState {
  readonly counts: PolicyCounts = new PolicyCounts();
  readonly buckets: Buckets;
  readonly underway: Underway = new MemoryUnderway();
  /** Of hashes of keys, so that nobody can make two of them meet. */
  readonly seed: number;

  constructor(buckets: Buckets = new MemoryBuckets(), seed: number = randomBytes(4).readUInt32LE()) {
    this.buckets = buckets;
    this.seed = seed;
  }

  metrics(): MetricsSnapshot {
    return [
      ...this.counts.families(),
      {
        name: 'daemun_rate_limit_evictions_total',
        help: 'Buckets of rate limits forgotten before their time, since there were too many',
        type: 'counter',
        series: [{ labels: {}, value: this.buckets.evicted }],
      },
    ];
  }
}

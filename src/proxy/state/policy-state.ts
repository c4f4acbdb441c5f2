/** What policies remember, whatever is edited around them. One for a data plane. */
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import { type Buckets, MemoryBuckets } from './buckets.ts';
import { PolicyCounts } from './policy-counts.ts';
import { SharedBuckets, type SharedMemory, SharedUnderway } from './shared-file.ts';
import { MemoryUnderway, type Underway } from './underway.ts';

export class PolicyState {
  readonly counts: PolicyCounts = new PolicyCounts();
  readonly buckets: Buckets;
  readonly underway: Underway;
  /** What clients prove themselves with, as the config has it now: by key. */
  credentials: ReadonlyMap<string, Credential> = new Map();
  /** Of hashes of keys, so that nobody can make two of them meet. */
  readonly seed: number;

  /** `shared`: with other workers of the machine. */
  constructor(shared?: SharedMemory) {
    if (shared === undefined) {
      this.buckets = new MemoryBuckets();
      this.underway = new MemoryUnderway();
    } else {
      const buckets = new SharedBuckets(shared);
      this.buckets = buckets;
      this.underway = new SharedUnderway(shared, buckets.end);
    }
    this.seed = shared?.seed ?? randomBytes(4).readUInt32LE();
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

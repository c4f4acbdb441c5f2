/** What policies remember, whatever is edited around them. One for a data plane. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import type { Credential } from '../../config/index.ts';
import type { MetricsSnapshot } from '../../observe/index.ts';
import { AnswerDisk, type DiskPlace } from '../disk/index.ts';
import type { VerifiedToken } from '../filter/authentication/jwt/verified-token.ts';
import { type Dialer, RedisClients } from '../redis/index.ts';
import { LeasedBuckets } from './bucket-leases.ts';
import { BucketOwners } from './bucket-owner.ts';
import { type Buckets, MemoryBuckets } from './buckets.ts';
import type { CountryDatabase } from './country-database.ts';
import { fetchingInTurn } from './fetch-turns.ts';
import { KeySources } from './key-sources.ts';
import { type BackendFetcher, type Fetcher, type OutboundGate, STRICT_GATE } from './outbound.ts';
import { PasswordHashing } from './password-hashing.ts';
import { PolicyCounts } from './policy-counts.ts';
import { SharedBuckets, SharedUnderway, sharedMarks } from './shared-file.ts';
import type { SharedMemory } from './shared-table.ts';
import { AnswerStores } from './stored-answers.ts';
import type { TroubleWatch } from './trouble-watch.ts';
import { MemoryUnderway, type Underway } from './underway.ts';
import { VerifiedCache } from './verified-cache.ts';

interface PolicySurroundings {
  dialer?: Dialer;
  /** Told of a Redis that is away, and of a disk that is not there, by the policies that name them. */
  troubles?: TroubleWatch;
  /** Whom it may ask for keys; absent: nobody on this machine. */
  outbound?: OutboundGate;
  /** Where answers are kept besides memory. */
  disk?: DiskPlace | undefined;
  /** Which country an address is in; absent: policies that ask for it deny. */
  countries?: CountryDatabase | undefined;
  /** In the place of the network. */
  fetch?: Fetcher;
}

const NOBODY: Dialer = {
  connect: () => assert.fail('nothing is reached from here'),
  addresses: () => Promise.reject(new Error('nothing is reached from here')),
};

export class PolicyState {
  readonly counts: PolicyCounts = new PolicyCounts();
  readonly answers: AnswerStores;
  readonly buckets: Buckets;
  readonly underway: Underway;
  /** What all workers know at once, each under a hash and for a while: buckets that nobody leases, apart from those of limits. */
  readonly marks: Buckets;
  /** Whose buckets, and whose marks, there are: who makes very many has his own forgotten. */
  readonly bucketOwners: BucketOwners;
  readonly markOwners: BucketOwners;
  /** What clients prove themselves with, as the config has it now: by key. */
  credentials: ReadonlyMap<string, Credential> = new Map();
  readonly passwords: PasswordHashing = new PasswordHashing();
  readonly tokens: VerifiedCache<VerifiedToken> = new VerifiedCache();
  /** Keys that issuers publish. */
  readonly keySources: KeySources = new KeySources();
  /** How keys, and what providers say of themselves, are come by. */
  readonly fetch: Fetcher;
  /** Where clients are; undefined: it is not known, and no policy may ask. */
  readonly countries: CountryDatabase | undefined;
  /** The same of backends of the config: where there are some, the data plane says how. */
  askBackend: BackendFetcher = () => Promise.reject(new Error('no backend is asked from here'));
  /** Of hashes of keys, so that nobody can make two of them meet. */
  readonly seed: number;

  /** An answer was to be kept on a disk, and none was given. */
  readonly missDisk: (policy: string) => void;
  /** The policy, as it is now, wants none. */
  readonly wantNoDisk: (policy: string) => void;
  /** What limits of several gateways are counted in, and who has signed out is known by. */
  readonly redis: RedisClients;

  /** `shared`: with other workers of the machine. `dialer`: how others are reached; absent: not at all. */
  constructor(
    shared?: SharedMemory,
    { dialer = NOBODY, troubles, outbound = STRICT_GATE, fetch, disk, countries }: PolicySurroundings = {},
  ) {
    this.answers = new AnswerStores(disk === undefined ? null : new AnswerDisk(disk));
    const endpoint = 'the disk for answers';
    this.missDisk = (key) => troubles?.failed({ key, endpoint }, 'disk_absent');
    this.wantNoDisk = (key) => troubles?.over({ key, endpoint });
    this.countries = countries;
    this.fetch = fetch ?? fetchingInTurn(outbound);
    this.seed = shared?.seed ?? randomBytes(4).readUInt32LE();
    this.bucketOwners = new BucketOwners(this.seed);
    this.markOwners = new BucketOwners(this.seed);
    const [{ forgot }, { forgot: forgotMark }] = [this.bucketOwners, this.markOwners];
    if (shared === undefined) {
      this.buckets = new MemoryBuckets(forgot);
      this.marks = new MemoryBuckets(forgotMark);
      this.underway = new MemoryUnderway();
    } else {
      const buckets = new SharedBuckets(shared, forgot);
      this.buckets = new LeasedBuckets(buckets, shared.workers);
      this.marks = sharedMarks(shared, forgotMark);
      this.underway = new SharedUnderway(shared, buckets.end);
    }
    this.redis = new RedisClients(dialer, ({ name, sources, trouble }, use) => {
      const what = use === 'limits' ? 'store_away' : 'sign_outs_away';
      for (const key of sources) {
        if (trouble === undefined) troubles?.over({ key, endpoint: name });
        else troubles?.failed({ key, endpoint: name }, what);
      }
    });
  }

  metrics(): MetricsSnapshot {
    return [
      ...this.counts.families(),
      ...this.redis.metrics(),
      ...this.answers.metrics(),
      ...(this.countries?.metrics() ?? []),
      this.bucketOwners.family(
        'daemun_rate_limit_evictions_total',
        'Buckets of a limit forgotten before their time, since there were too many, by policy and limit',
        this.counts.isServed,
      ),
      this.markOwners.family(
        'daemun_sign_out_evictions_total',
        'Sign-outs, and uses of a nonce, forgotten before their time, since there were too many, by policy and method',
        this.counts.isServed,
      ),
    ];
  }
}

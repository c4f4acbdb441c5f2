/**
 * The script that takes from limits, all of a request in one call: buckets that fill evenly (GCRA), by the server's own
 * clock. Where one limit refuses nothing is taken from any.
 */
import { createHash } from 'node:crypto';

/** One limit of a request. Times are in microseconds. */
export interface Asking {
  key: string;
  /** What one token fills in. */
  cost: number;
  /** What a full bucket holds. */
  capacity: number;
  /** Tokens that are wanted; fewer may be given, but not none. */
  wanted: number;
  /** Where it has none the others are taken from all the same. */
  dryRun: boolean;
}

export interface Taken {
  /** Tokens, of each limit; 0: it refuses. */
  given: number[];
  /** Microseconds until each bucket is full. */
  debts: number[];
}

/** Seconds of Unix time from which microseconds are counted: a double then has room for fractions of them. */
const EPOCH = 1_700_000_000;
/** Microseconds by which sums of fractions may be wrong. */
export const ROUNDING_US = 1;

/**
 * KEYS: the limits'. ARGV: of each cost, capacity, wanted, dry run. The answer: of each how many were given, and its debt.
 * What a bucket owes is never more than it holds: a limit that became smaller, or a clock that went back, is no ban.
 */
const SCRIPT = `local t = redis.call('TIME')
local now = (t[1] - ${EPOCH}) * 1000000 + t[2]
local answer, refused = {}, false
for i = 1, #KEYS do
  local cost, capacity = tonumber(ARGV[i * 4 - 3]), tonumber(ARGV[i * 4 - 2])
  local debt = (tonumber(redis.call('GET', KEYS[i]) or '') or now) - now
  if debt < 0 then debt = 0 end
  if debt > capacity then debt = capacity end
  local fit = math.floor((capacity - debt + ${ROUNDING_US}) / cost)
  local wanted = tonumber(ARGV[i * 4 - 1])
  if fit > wanted then fit = wanted end
  if fit < 1 then
    fit = 0
    if ARGV[i * 4] ~= '1' then refused = true end
  end
  answer[i * 2 - 1], answer[i * 2] = fit, debt
end
for i = 1, #KEYS do
  local fit, debt = answer[i * 2 - 1], answer[i * 2]
  if fit > 0 and not refused then
    debt = debt + fit * ARGV[i * 4 - 3]
    redis.call('SET', KEYS[i], string.format('%.6f', now + debt), 'PX', math.ceil(debt / 1000) + 1)
  end
  answer[i * 2] = math.ceil(debt)
end
return answer`;

export const TAKE: { readonly script: string; readonly digest: string } = {
  script: SCRIPT,
  digest: createHash('sha1').update(SCRIPT).digest('hex'),
};

/** What follows the script in EVALSHA and EVAL. */
export function takeArguments(asking: readonly Asking[]): string[] {
  const numbers = asking.flatMap(({ cost, capacity, wanted, dryRun }) => [
    String(cost),
    String(capacity),
    String(wanted),
    dryRun ? '1' : '0',
  ]);
  return [String(asking.length), ...asking.map(({ key }) => key), ...numbers];
}

/**
 * Undefined: that is no answer of the script's. It gives no more than was wanted, and no bucket owes more than it holds: what
 * says otherwise would open a limit, or shut it for ever.
 */
export function takenOf(reply: unknown, asking: readonly Asking[]): Taken | undefined {
  if (!Array.isArray(reply) || reply.length !== asking.length * 2) return undefined;
  const numbers = reply.filter((one): one is number => typeof one === 'number' && one >= 0);
  if (numbers.length !== reply.length) return undefined;
  const taken = { given: numbers.filter((_, at) => at % 2 === 0), debts: numbers.filter((_, at) => at % 2 === 1) };
  const isSound = asking.every(
    ({ wanted, capacity }, at) => taken.given[at]! <= wanted && taken.debts[at]! <= capacity + 2 * ROUNDING_US,
  );
  return isSound ? taken : undefined;
}

/** Forms of password hashes, as htpasswd and crypt write them, and what each may cost. */

/** Most rounds of bcrypt, as a power of 2: 14 take a second. Who may write a Secret must not busy the gateway for hours. */
export const MAX_BCRYPT_COST: number = 14;
/** Most rounds of crypt's SHA-256 and SHA-512. */
export const MAX_SHA_CRYPT_ROUNDS: number = 200_000;

const FORMS: ReadonlyArray<readonly [RegExp, (match: RegExpExecArray) => string | undefined]> = [
  [/^\{(?:SHA|SSHA|PLAIN)\}./, () => undefined],
  [/^\$(?:apr1|1)\$[^$]{0,8}\$[./0-9A-Za-z]{22}$/, () => undefined],
  [
    /^\$2[abxy]\$(\d\d)\$[./0-9A-Za-z]{53}$/,
    ([, cost]) =>
      Number(cost) <= MAX_BCRYPT_COST ? undefined : `has a cost of ${cost}, and ${MAX_BCRYPT_COST} is the most`,
  ],
  [
    /^\$[56]\$(?:rounds=(\d+)\$)?[^$]{0,16}\$[./0-9A-Za-z]{43,86}$/,
    ([, rounds = '0']) =>
      Number(rounds) <= MAX_SHA_CRYPT_ROUNDS
        ? undefined
        : `has ${rounds} rounds, and ${MAX_SHA_CRYPT_ROUNDS} are the most`,
  ],
];

/** Why no password can be compared with it; undefined where one can. It is not told: it may be a password. */
export function passwordHashFault(hash: string): string | undefined {
  for (const [form, faultOf] of FORMS) {
    const match = form.exec(hash);
    if (match !== null) return faultOf(match);
  }
  return 'has a hash of no known form: bcrypt, {SHA}, {SSHA}, apr1, and crypt’s MD5, SHA-256 and SHA-512 are; `htpasswd -B` writes one';
}

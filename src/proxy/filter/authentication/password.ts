/** Whether a password is the one of which a hash is kept, in the forms that htpasswd and nginx know. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PolicyState } from '../../state/index.ts';
import type { Waiter } from '../../turns/index.ts';

/** `busy`: too many others are compared at the moment. */
export type PasswordVerdict = boolean | 'busy';

export interface GivenPassword {
  readonly hash: string;
  readonly password: Buffer;
  /** For whom it is compared. */
  readonly whose: Waiter;
}

export function passwordMatches(
  { hash, password, whose }: GivenPassword,
  { passwords }: PolicyState,
): PasswordVerdict | Promise<PasswordVerdict> {
  if (hash.startsWith('{SHA}')) return sameBytes(Buffer.from(hash.slice(5), 'base64'), digest('sha1', password));
  if (hash.startsWith('{SSHA}')) {
    const bytes = Buffer.from(hash.slice(6), 'base64');
    return sameBytes(bytes.subarray(0, 20), digest('sha1', Buffer.concat([password, bytes.subarray(20)])));
  }
  if (hash.startsWith('{PLAIN}')) {
    return sameBytes(digest('sha256', Buffer.from(hash.slice(7))), digest('sha256', password));
  }
  // Forms that take long on purpose.
  return passwords.matches(hash, password, whose);
}

function digest(algorithm: string, bytes: Buffer): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

function sameBytes(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

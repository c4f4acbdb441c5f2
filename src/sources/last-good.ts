import {
  type ConfigMap,
  type CredentialRole,
  objectKey,
  type Secret,
  type Superseded,
  supersededKey,
} from '../api/index.ts';
import { SourceCollection } from '../graph/index.ts';

type Credential = Secret | ConfigMap;

/** Why a credential cannot be used in a role; undefined where it can. `now`: dates count, too. */
type CredentialJudge = (role: CredentialRole, object: Credential, now?: Date) => string | undefined;

export interface LastGoodOptions {
  judge: CredentialJudge;
  now?: () => Date;
}

const ROLES: readonly CredentialRole[] = ['certificate', 'authorities'];

/**
 * Remembers the last good form of every credential in use that is spoilt, emptied or taken away, and since when. It is
 * told of a change in the batch that makes it, so that nobody sees a state in which neither form is there. Nothing is
 * judged before it changes, and nothing that is not in use.
 */
export class LastGood {
  readonly collection = new SourceCollection<Superseded>('superseded');
  readonly #judge: CredentialJudge;
  readonly #now: () => Date;
  readonly #used = new Set<string>();

  constructor({ judge, now = () => new Date() }: LastGoodOptions) {
    this.#judge = judge;
    this.#now = now;
  }

  /** The object is in service in this role: what it says now is good. */
  use(role: CredentialRole, object: string): void {
    this.#used.add(supersededKey(role, object));
  }

  /** Nothing uses the object any more: should something use it again, it is as new. */
  forget(role: CredentialRole, object: string): void {
    const key = supersededKey(role, object);
    this.#used.delete(key);
    this.collection.apply([{ key }]);
  }

  note(before: Credential | undefined, after: Credential | undefined): void {
    const object = after ?? before;
    if (object === undefined) return;
    for (const role of ROLES) {
      const key = supersededKey(role, objectKey(object));
      if (this.#used.has(key)) this.collection.apply([{ key, value: this.#superseded(role, key, { before, after }) }]);
    }
  }

  #superseded(
    role: CredentialRole,
    key: string,
    { before, after }: { before: Credential | undefined; after: Credential | undefined },
  ): Superseded | undefined {
    const held = this.collection.get(key);
    const form = held?.form ?? before;
    const now = this.#now();
    const why = after === undefined ? 'does not exist any more' : this.#judge(role, after, now);
    if (why === undefined || form === undefined) return undefined;
    // One that has expired is better than none, but no better than another.
    const onlyLate = after !== undefined && this.#judge(role, after) === undefined;
    if (onlyLate && this.#judge(role, form, now) !== undefined) return undefined;
    return { form, since: held?.since ?? now.toISOString().replace(/\.\d+Z$/, 'Z'), why };
  }
}

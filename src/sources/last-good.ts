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

/** Why a credential cannot be used in a role; undefined where it can. `now` is for dates. */
export type CredentialJudge = (role: CredentialRole, object: Credential, now: Date) => string | undefined;

export interface LastGoodOptions {
  judge: CredentialJudge;
  now?: () => Date;
}

const ROLES: readonly CredentialRole[] = ['certificate', 'authorities'];

/**
 * Remembers the last good form of every credential that is spoilt, emptied or taken away, and since when. It is told
 * of a change in the batch that makes it, so that nobody sees a state in which neither form is there. Nothing is judged
 * before it changes.
 */
export class LastGood {
  readonly collection = new SourceCollection<Superseded>('superseded');
  readonly #judge: CredentialJudge;
  readonly #now: () => Date;

  constructor({ judge, now = () => new Date() }: LastGoodOptions) {
    this.#judge = judge;
    this.#now = now;
  }

  note(before: Credential | undefined, after: Credential | undefined): void {
    const object = after ?? before;
    if (object === undefined) return;
    for (const role of ROLES) this.#noteRole(role, objectKey(object), { before, after });
  }

  /** Nothing uses the object any more: should something use it again, it is as new. */
  forget(role: CredentialRole, object: string): void {
    this.collection.apply([{ key: supersededKey(role, object) }]);
  }

  #noteRole(
    role: CredentialRole,
    object: string,
    { before, after }: { before: Credential | undefined; after: Credential | undefined },
  ): void {
    const key = supersededKey(role, object);
    const held = this.collection.get(key);
    const now = this.#now();
    // A form that is held, or of which another is held, was good in this role; all others are asked about first.
    const form = held?.form ?? before;
    if (form === undefined || (held === undefined && this.#judge(role, form, now) !== undefined)) return;
    const why = after === undefined ? 'does not exist any more' : this.#judge(role, after, now);
    const since = held?.since ?? now.toISOString().replace(/\.\d+Z$/, 'Z');
    this.collection.apply([why === undefined ? { key } : { key, value: { form, since, why } }]);
  }
}

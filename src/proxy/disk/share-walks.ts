/**
 * Walks over the files of a share, one at a time: who has much purged must not keep the threads that others need for names and
 * files. What is asked of a policy while others are walked over is looked for in one walk.
 */

/** Of a policy's files, or of all (''). */
type Walk<S, R> = (policy: string, searches: readonly S[]) => Promise<R[]>;

interface Asked<S, R> {
  readonly search: S;
  readonly found: PromiseWithResolvers<R>;
}

export class ShareWalks<S, R> {
  readonly #walk: Walk<S, R>;
  /** In the order in which they were first asked for. */
  readonly #waiting = new Map<string, Array<Asked<S, R>>>();
  #isWalking = false;

  constructor(walk: Walk<S, R>) {
    this.#walk = walk;
  }

  ask(policy: string, search: S): Promise<R> {
    const found = Promise.withResolvers<R>();
    const waiting = this.#waiting.get(policy);
    if (waiting === undefined) this.#waiting.set(policy, [{ search, found }]);
    else waiting.push({ search, found });
    if (!this.#isWalking) void this.#go();
    return found.promise;
  }

  async #go(): Promise<void> {
    this.#isWalking = true;
    for (const [policy, asked] of this.#waiting) {
      // What is asked of it from now on comes behind the others.
      this.#waiting.delete(policy);
      try {
        const all = await this.#walk(
          policy,
          asked.map(({ search }) => search),
        );
        for (const [at, { found }] of asked.entries()) found.resolve(all[at]!);
      } catch (error) {
        for (const { found } of asked) found.reject(error);
      }
    }
    this.#isWalking = false;
  }
}

/**
 * Draining: the one contract of all that lives on a port, whatever its protocol. A member is in the set from the moment
 * that its port knows of it until its last byte has left: a connection that was answered is not done before its link is
 * gone.
 */
export interface Drainable {
  /** The peer has begun with what comes before all else, such as a handshake, and is not done with it. */
  readonly arriving?: boolean;
  /**
   * No new work: the peer hears so in the way of its protocol, what is under way goes on, and where nothing is the
   * member ends now. A second call changes nothing.
   */
  drain(): void;
  /** The time is over: ends now, with what is under way. */
  cut(): void;
}

/** The longest that a timer of Node's can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Counts the members of several sets together. */
export interface Tally {
  count: number;
}

export class DrainSet {
  readonly #tally: Tally;
  readonly #members = new Set<Drainable>();
  readonly #ended = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | undefined;
  #cutAt = Number.POSITIVE_INFINITY;
  /** Nothing new is taken. */
  draining = false;
  /** It is about to drain: what is asked from now on is the last of its connection, so that peers who ask often have left by then. */
  parting = false;

  constructor(tally: Tally = { count: 0 }) {
    this.#tally = tally;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Some member is still on its way to what it came for. */
  get arriving(): boolean {
    for (const { arriving } of this.#members) if (arriving === true) return true;
    return false;
  }

  /** One that comes while the others drain is drained at once. */
  add(member: Drainable): void {
    this.#members.add(member);
    this.#tally.count++;
    if (this.draining) member.drain();
  }

  delete(member: Drainable): void {
    if (!this.#members.delete(member)) return;
    this.#tally.count--;
    if (this.draining && this.#members.size === 0) this.#end();
  }

  /**
   * Resolves when all members have gone, or after `timeout` milliseconds, when those that are left were cut. Asked
   * again, the earlier end counts.
   */
  drain(timeout: number): Promise<void> {
    const cutAt = performance.now() + timeout;
    if (cutAt < this.#cutAt) {
      this.#cutAt = cutAt;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#cut(), Math.min(timeout, LONGEST_TIMER));
    }
    if (!this.draining) {
      this.draining = this.parting = true;
      for (const member of [...this.#members]) member.drain();
    }
    if (this.#members.size === 0) this.#end();
    return this.#ended.promise;
  }

  /** Some of them, while the others go on; those that are left after `timeout` milliseconds are cut. */
  drainThose(isMeant: (member: Drainable) => boolean, timeout: number): void {
    const meant = new Set([...this.#members].filter(isMeant));
    if (meant.size === 0) return;
    for (const member of meant) member.drain();
    setTimeout(() => this.cutThose((member) => meant.has(member)), Math.min(timeout, LONGEST_TIMER)).unref();
  }

  /** The same for those that nothing more may come of. */
  cutThose(isMeant: (member: Drainable) => boolean): void {
    for (const member of [...this.#members]) {
      if (!isMeant(member)) continue;
      member.cut();
      // With the last one it ends.
      this.delete(member);
    }
  }

  #cut(): void {
    this.cutThose(() => true);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#ended.resolve();
  }
}

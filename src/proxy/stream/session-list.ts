/** Sessions in the order in which their clients were last heard; linked through the sessions themselves. */

export interface ListedSession<S> {
  /** Neighbours in the list it is in, which is in the order of `lastHeard`. */
  before: S | undefined;
  after: S | undefined;
  list: { remove(session: S): void } | undefined;
}

export class SessionList<S extends ListedSession<S>> {
  /** The one that was silent for longest. */
  oldest: S | undefined = undefined;
  #newest: S | undefined = undefined;

  /** Puts a session last; it leaves the list it was in. */
  append(session: S): void {
    if (this.#newest === session) return;
    session.list?.remove(session);
    session.list = this;
    session.before = this.#newest;
    if (this.#newest === undefined) this.oldest = session;
    else this.#newest.after = session;
    this.#newest = session;
  }

  remove(session: S): void {
    if (session.before === undefined) this.oldest = session.after;
    else session.before.after = session.after;
    if (session.after === undefined) this.#newest = session.before;
    else session.after.before = session.before;
    session.before = undefined;
    session.after = undefined;
    session.list = undefined;
  }
}

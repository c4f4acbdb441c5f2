/** Sessions in the order in which their clients were last heard; linked through the sessions themselves. */
import type { UdpSession } from './udp-session.ts';

export class SessionList {
  /** The one that was silent for longest. */
  oldest: UdpSession | undefined = undefined;
  #newest: UdpSession | undefined = undefined;

  /** Puts a session last; it leaves the list it was in. */
  append(session: UdpSession): void {
    if (this.#newest === session) return;
    session.list?.remove(session);
    session.list = this;
    session.before = this.#newest;
    if (this.#newest === undefined) this.oldest = session;
    else this.#newest.after = session;
    this.#newest = session;
  }

  remove(session: UdpSession): void {
    if (session.before === undefined) this.oldest = session.after;
    else session.before.after = session.after;
    if (session.after === undefined) this.#newest = session.before;
    else session.after.before = session.before;
    session.before = undefined;
    session.after = undefined;
    session.list = undefined;
  }
}

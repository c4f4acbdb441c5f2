/**
 * A UDP listener: sessions by client address and port, in a table of bounded size.
 *
 * A flood from forged sources makes sessions whose client never sends again after an answer. When the table is full
 * those are replaced first, oldest first; a session that showed that its client is real is replaced only after
 * `sessionEvictAfter` of silence. Where neither gives room, the new client's datagram is dropped.
 */
import type { StreamPass } from '../filter/index.ts';
import type { DeadlineWheel } from '../ground/deadline.ts';
import type { DrainSet } from '../ground/drain.ts';
import { BoundSocket } from './bound-socket.ts';
import type { DatagramLayer } from './datagram.ts';
import { NODE_DATAGRAMS } from './node-datagram.ts';
import type { StreamPolicies } from './relayed-arrival.ts';
import { SessionList } from './session-list.ts';
import type { SocketAddress } from './socket-address.ts';
import type { StreamLimits } from './stream-limits.ts';
import type { StreamMeter, StreamReason } from './stream-meter.ts';
import type { StreamPlan } from './stream-plan.ts';
import { type SessionOrigin, UdpSession } from './udp-session.ts';

export interface UdpListenerOptions {
  /** Absent: that of Node. */
  layer?: DatagramLayer;
  /** All deadlines. Its owner starts and advances it. */
  wheel: DeadlineWheel;
  limits: StreamLimits;
  meter: StreamMeter;
  /** Of the port: its sessions. */
  live: DrainSet;
  /** Key of the listener. */
  listener: string;
  /** Absent: none. */
  policies?: StreamPolicies;
}

export class UdpListener {
  readonly options: UdpListenerOptions;
  /** For new sessions; swapped as one reference. Undefined: datagrams are dropped. */
  plan: StreamPlan | undefined;
  readonly #bound: BoundSocket[] = [];
  readonly #unproven = new SessionList<UdpSession>();
  readonly #proven = new SessionList<UdpSession>();
  #sessions = 0;
  #port = 0;
  #closed = false;

  constructor(options: UdpListenerOptions, plan: StreamPlan | undefined) {
    this.options = options;
    this.plan = plan;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /**
   * Binds each address (none of them a wildcard: see `localAddresses`) and answers what was bound. With port 0 all
   * get the port that the first one got. Where one fails, all are closed and the system's error is thrown; but of
   * several, one that this machine has not yet (a new IPv6 address is tried out first) or no more is left to `rebind`.
   */
  async open(addresses: ReadonlyArray<string>, port: number, reusePort = false): Promise<SocketAddress[]> {
    const bound: SocketAddress[] = [];
    this.#port = port;
    try {
      for (const address of addresses) {
        const one = this.#bind({ address, port: this.#port, reusePort });
        bound.push(...(await (addresses.length > 1 ? one.catch(unlessAway) : one)));
      }
    } catch (error) {
      this.close();
      throw error;
    }
    return bound;
  }

  /**
   * Follows the machine's addresses: those that are gone are closed with their sessions, new ones are bound to the
   * same port. Answers the errors of those that could not be bound; a later call tries them again.
   */
  async rebind(addresses: ReadonlyArray<string>, reusePort = false): Promise<Error[]> {
    const errors: Error[] = [];
    if (this.#closed || this.options.live.draining) return errors;
    for (const bound of [...this.#bound]) {
      if (addresses.includes(bound.address)) continue;
      this.#bound.splice(this.#bound.indexOf(bound), 1);
      bound.close();
    }
    for (const address of addresses) {
      if (this.#bound.some((bound) => bound.address === address)) continue;
      try {
        await this.#bind({ address, port: this.#port, reusePort });
      } catch (error) {
        errors.push(error as Error);
      }
    }
    return errors;
  }

  async #bind(target: SocketAddress & { reusePort: boolean }): Promise<SocketAddress[]> {
    const socket = new BoundSocket(this, target.address);
    socket.socket = await (this.options.layer ?? NODE_DATAGRAMS).bind(target, socket);
    this.#port = socket.socket.local.port;
    if (this.#closed) socket.close();
    else this.#bound.push(socket);
    return [{ address: target.address, port: this.#port }];
  }

  /** No new sessions; resolves when those under way are idle, or were ended after `timeout` milliseconds. */
  async drain(timeout: number): Promise<void> {
    await this.options.live.drain(timeout);
    this.close();
  }

  /** Ends all sessions and closes the sockets. */
  close(): void {
    this.#closed = true;
    for (const bound of this.#bound.splice(0)) bound.close();
  }

  /** A datagram of a client without a session. */
  admit(bound: BoundSocket, key: string, client: SocketAddress): UdpSession | undefined {
    const { plan } = this;
    if (this.options.live.draining) return this.#drop('drained');
    if (plan === undefined) return this.#drop('no_route');
    const pass = this.#judge(client.address, plan);
    if (pass !== null && pass.refusal !== '') return this.#drop(pass.refusal);
    const session = this.#sessionOf(bound, { key, client, plan, pass });
    if (session === undefined) pass?.end();
    return session;
  }

  /** What policies say of it; null: none acts there. Before room is made: who may not pass takes nobody's place. */
  #judge(clientAddress: string, { route }: StreamPlan): StreamPass | null {
    const { policies, listener } = this.options;
    return policies?.streamChain(listener, route)?.judge({ clientAddress, listener, route }) ?? null;
  }

  #sessionOf(bound: BoundSocket, origin: Omit<SessionOrigin, 'backend' | 'endpoint'>): UdpSession | undefined {
    const { plan, client, key } = origin;
    if (this.#sessions >= this.options.limits.maxSessions && !this.#makeRoom()) return this.#drop('limit');
    const backend = plan.next();
    if (backend === undefined) return this.#drop('no_backend');
    const endpoint = backend.picker.pick(client.address);
    if (endpoint === undefined) return this.#drop('no_endpoint');
    const session = new UdpSession(this, bound, { ...origin, backend, endpoint });
    bound.sessions.set(key, session);
    this.#sessions++;
    this.#unproven.append(session);
    this.options.live.add(session);
    session.begin();
    return session;
  }

  heard(session: UdpSession): void {
    if (session.list !== undefined) (session.proven ? this.#proven : this.#unproven).append(session);
  }

  forget(session: UdpSession): void {
    session.bound.sessions.delete(session.key);
    session.list?.remove(session);
    this.#sessions--;
    this.options.live.delete(session);
    session.pass?.end();
  }

  #makeRoom(): boolean {
    const { wheel, limits } = this.options;
    let victim = this.#unproven.oldest;
    const proven = this.#proven.oldest;
    if (victim === undefined && proven !== undefined && proven.lastHeard + limits.sessionEvictAfter <= wheel.now) {
      victim = proven;
    }
    victim?.end('evicted');
    return victim !== undefined;
  }

  #drop(reason: StreamReason): undefined {
    this.options.meter.dropped('udp', this.options.listener, reason);
    return undefined;
  }
}

function unlessAway(error: NodeJS.ErrnoException): [] {
  if (error.code !== 'EADDRNOTAVAIL') throw error;
  return [];
}

/**
 * What passes between a controller and a data plane over the network: JSON, one message a frame, in order.
 *
 * Versions: PROTOCOL changes where one side could not go on with what the other says; both sides must then speak the
 * older one for one minor version. Whatever else is new is a member that the other side does not read, or a kind of
 * config object that the data plane did not name in its hello, and is not sent.
 */
import type { Ack } from '../../config/index.ts';
import type { Piece } from '../piece.ts';

export const PROTOCOL = 1;

/** The first message on a connection; nothing else is read before it. */
export interface Hello {
  type: 'hello';
  protocol: number;
  /** Says who it is: a service account's token, of an audience of ours. */
  token: string;
  /** Of daemun. */
  version: string;
  /** The pod's name. Counts where the token does not say it. */
  proxy: string;
  node?: string;
  zone?: string;
  /** Of all config objects that it holds (holdings.ts). */
  digest: string;
  /** Kinds of config objects, and types of policies, that it knows. */
  kinds: string[];
  policies: string[];
}

export type FromDataPlane =
  | Hello
  /** What it holds, where the controller asked: `kind/key` and hash, in pieces. */
  | { type: 'holds'; objects: Array<[ref: string, hash: string]>; last: boolean }
  /** The last piece is here: the next may come. */
  | { type: 'taken' }
  | StreamAck
  /** It ends soon: nobody waits for it any longer. */
  | { type: 'leaving' }
  | { type: 'ping' };

/** An acknowledgement; lists that are as in the one before are left out. */
export interface StreamAck extends Pick<Ack, 'version' | 'refusedEndpoints'> {
  type: 'ack';
  rejected?: Ack['rejected'];
  listeners?: Ack['listeners'];
}

export type FromController =
  | {
      type: 'welcome';
      protocol: number;
      version: string;
      /** What it holds is the config of this version, or the controller must be told what it holds. */
      holds: 'same' | 'other';
      config: number;
      /** Whether this controller writes statuses: a data plane that has found one stays there. */
      leading: boolean;
    }
  | { type: 'refused'; code: RefusalCode; message: string }
  | { type: 'piece'; piece: Piece }
  | { type: 'leading'; leading: boolean }
  /** This controller ends, or the Gateway does. */
  | { type: 'bye'; reason: string }
  | { type: 'ping' };

/**
 * protocol: no common version. token: not who it says, or nobody. gateway: no such Gateway (any more).
 * busy: too many at once. Each is tried again, since each may change.
 */
export type RefusalCode = 'protocol' | 'token' | 'gateway' | 'busy';

/** Why a data plane is not served; the message is for a person and names no secret. */
export class StreamRefusal extends Error {
  override readonly name = 'StreamRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What passes between a controller and a data plane over the network: JSON, one message a frame, in order.
 *
 * Versions: PROTOCOL changes where one side could not go on with what the other says, and the one before is spoken for one
 * minor version more (OLDEST). Whatever else is new is a member or a message that the other side passes over. A kind of
 * config object, a filter or a type of policy that a data plane does not know is refused by it, object by object, and what
 * may guard denies (config/validate.ts): so a new version says what guards by a new name, not by a new member.
 */
import type { Ack, Trouble } from '../../config/index.ts';
import type { Piece } from '../piece.ts';

export const PROTOCOL = 1;
export const OLDEST = 1;

/** The first message on a connection; nothing else is read before it. */
export interface Hello {
  type: 'hello';
  /** The newest and the oldest that it speaks. */
  protocol: number;
  oldest: number;
  /** Says who it is: a service account's token, of an audience of ours. */
  token: string;
  /** Of daemun. */
  version: string;
  /** The pod's name. Counts where the token does not say it. */
  proxy: string;
  node?: string | undefined;
  zone?: string | undefined;
  /** Of all config objects that it holds (holdings.ts). */
  digest: string;
  /** It is served elsewhere, and looks for a controller that writes statuses: any other is to say no. */
  seeking?: boolean | undefined;
}

export type FromDataPlane =
  | Hello
  /** What it holds, where the controller asked: `kind/key` and hash, in pieces. */
  | { type: 'holds'; objects: Array<[ref: string, hash: string]>; last: boolean }
  /** The last piece is here: the next may come. */
  | { type: 'taken' }
  | StreamAck
  /** What one of its workers meets at endpoints. */
  | { type: 'troubles'; worker: string; troubles: Trouble[] }
  /** It ends soon: nobody waits for it any longer. */
  | { type: 'leaving' };

/** An acknowledgement; lists that are as in the one before are left out. */
export interface StreamAck extends Pick<Ack, 'version' | 'refusedEndpoints' | 'shortfalls'> {
  type: 'ack';
  rejected?: Ack['rejected'];
  /** All of them. */
  listeners?: Ack['listeners'];
  /** Of those that were said before, the ones that are another now, or that have come; to controllers that know it. */
  changed?: Ack['listeners'];
  /** Keys of those that are no longer. */
  gone?: string[];
}

export type FromController =
  | {
      type: 'welcome';
      /** That is spoken from now on. */
      protocol: number;
      version: string;
      /** What it holds is the config of this version, or the controller must be told what it holds. */
      holds: 'same' | 'other';
      config: number;
      /** Whether this controller writes statuses: a data plane that has found one stays there. */
      leading: boolean;
      /** It knows acknowledgements of what has changed of the listeners. */
      takesChanges?: boolean;
    }
  | { type: 'refused'; code: RefusalCode; message: string }
  | { type: 'piece'; piece: Piece }
  | { type: 'leading'; leading: boolean }
  /** Its pod is being taken away, and it has not said that it is leaving: it is to leave as if it had been signalled. */
  | { type: 'ending' }
  /** This controller ends, or the Gateway does. */
  | { type: 'bye'; reason: string };

/**
 * protocol: no common version. token: not who it says, or nobody. gateway: no such Gateway (any more).
 * busy: it cannot be told now. following: it looks for a leader, and this is none. flood: it says too much, or comes too often.
 * Each is tried again, since each may change.
 */
export type RefusalCode = 'protocol' | 'token' | 'gateway' | 'busy' | 'following' | 'flood';

/** Why a data plane is not served; the message is for a person and names no secret. */
export class StreamRefusal extends Error {
  override readonly name = 'StreamRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A data plane's end of the config stream that says what a test says, and nothing by itself. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { Channel } from '../src/delivery/stream/channel.ts';
import type { FromController } from '../src/delivery/stream/message.ts';
import { RIG_SERVER_NAME, RIG_TOKEN, type StreamRig } from './stream-rig.ts';

export const HELLO = {
  type: 'hello',
  protocol: 1,
  oldest: 1,
  token: RIG_TOKEN,
  version: '0.1.0',
  proxy: 'raw',
  digest: '',
};

export class StreamPeer {
  readonly heard: FromController[] = [];
  /** Why it ended; undefined: it has not. */
  end: string | undefined;
  readonly socket: TLSSocket;
  readonly #channel: Channel<FromController, object>;

  private constructor(socket: TLSSocket, times?: { ping: number; silence: number }) {
    this.socket = socket;
    const onMessage = (message: FromController): void => void this.heard.push(message);
    const onEnd = (reason: string): void => void (this.end = reason);
    this.#channel = new Channel(socket, { onMessage, onEnd }, times ? { times } : {});
  }

  static async open(rig: StreamRig, times?: { ping: number; silence: number }): Promise<StreamPeer> {
    const { address, ca } = rig.access;
    const socket = connect({ ...address, ca: ca(), servername: RIG_SERVER_NAME });
    await once(socket, 'secureConnect');
    return new StreamPeer(socket, times);
  }

  say(message: object): void {
    this.#channel.send(message);
  }

  /** Of this type, as they came. */
  of<T extends FromController['type']>(type: T): Array<Extract<FromController, { type: T }>> {
    return this.heard.filter((one): one is Extract<FromController, { type: T }> => one.type === type);
  }

  close(): void {
    this.#channel.destroy('closed by the test');
  }
}

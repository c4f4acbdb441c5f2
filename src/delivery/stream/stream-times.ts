/** How long a controller waits on its end of the config stream. */
import { CHANNEL_TIMES, type ChannelTimes } from './channel.ts';

export interface StreamTimes extends ChannelTimes {
  /** Milliseconds that a connection has to say who it is. */
  hello: number;
  /** Milliseconds that a data plane has to take a piece. */
  taking: number;
  /** Milliseconds after which a data plane is asked to connect anew, at most; it says again who it is then. */
  age: number;
}

export const STREAM_TIMES: StreamTimes = { ...CHANNEL_TIMES, hello: 10_000, taking: 60_000, age: 60 * 60_000 };

/** How long a data plane waits on its end of the config stream. */
import { CHANNEL_TIMES, type ChannelTimes } from './channel.ts';

export interface ClientTimes extends ChannelTimes {
  /** Milliseconds for a connection to be welcome. */
  welcome: number;
  /** Milliseconds of the first pause before the next try, and of the longest. */
  first: number;
  longest: number;
  /** Milliseconds between looks for a controller that writes statuses, at the beginning. */
  seek: number;
}

export const CLIENT_TIMES: ClientTimes = {
  ...CHANNEL_TIMES,
  welcome: 10_000,
  first: 200,
  longest: 10_000,
  seek: 1000,
};

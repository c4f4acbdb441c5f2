/** What those need who take config objects from a channel: which kinds there are, and how they are read. */
export { CONFIG_KINDS, type ReceivedDelta, readDelta } from '../validate.ts';

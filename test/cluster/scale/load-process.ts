/** Sends requests from a process of its own. Begun by `Load`, and ended by a word of it. */
import type { LoadPlace } from './load.ts';
import { Sender } from './sender.ts';

const sender = new Sender(JSON.parse(process.argv[2]!) as LoadPlace);
process.once('message', () => {
  void sender.stop().then((outcome) => process.send?.(outcome, () => process.disconnect?.()));
});
// Who began it is gone.
process.once('disconnect', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});

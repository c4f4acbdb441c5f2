/** Listeners as a run serves them: the config's, with what all proxies said about their sockets. */
import type { Ack, ListenerState, Snapshot } from '../config/index.ts';
import type { Collection } from '../graph/index.ts';

export interface ListenerView extends Omit<ListenerState, 'state'> {
  /** waiting: some proxy has not answered yet. */
  state: ListenerState['state'] | 'waiting';
  protocol: string;
  port: number;
  hostname: string;
}

/** A listener serves when it does in every proxy; the first failure is the one shown. */
export function listenerViews(
  snapshot: Snapshot,
  acks: Collection<Ack>,
  proxies: ReadonlyArray<string>,
): ListenerView[] {
  const answers = proxies.map((name) => new Map(acks.get(name)?.listeners.map((listener) => [listener.key, listener])));
  return Array.from(snapshot.of('Listener').values(), ({ key, protocol, port, hostname }) => {
    const states = answers.map((answer) => answer.get(key));
    const failed = states.find((one) => one?.state === 'failed');
    const known = failed ?? states.find((one) => one !== undefined);
    const state = failed ? 'failed' : states.every((one) => one?.state === 'serving') ? 'serving' : 'waiting';
    return { bound: [], ...known, key, state, protocol, port, hostname: hostname ?? '*' };
  });
}

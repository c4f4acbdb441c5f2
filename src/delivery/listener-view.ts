/** Listeners as a run serves them: the config's with what all proxies said about their sockets, and those that are in none. */
import type { Ack, ListenerState, Snapshot } from '../config/index.ts';
export interface ListenerView extends Omit<ListenerState, 'state'> {
  /** waiting: some proxy has not answered yet. refused: its manifest keeps it from being served. */
  state: ListenerState['state'] | 'waiting' | 'refused';
  protocol: string;
  port: number;
  hostname: string;
}

/** A listener that is not in the config. */
export interface LeftOut {
  key: string;
  protocol: string;
  port: number;
  hostname?: string | undefined;
  message: string;
}

export interface ServedBy {
  /** The last acknowledgement of each proxy. */
  acks: { get(proxy: string): Ack | undefined };
  proxies: ReadonlyArray<string>;
  unserved: Iterable<LeftOut>;
}

/** A listener serves when it does in every proxy, and in one at least; the first failure is the one shown. */
export function listenerViews(snapshot: Snapshot, { acks, proxies, unserved }: ServedBy): ListenerView[] {
  const answers = proxies.map((name) => new Map(acks.get(name)?.listeners.map((listener) => [listener.key, listener])));
  const told = Array.from(snapshot.of('Listener').values(), ({ key, protocol, port, hostname }): ListenerView => {
    const states = answers.map((answer) => answer.get(key));
    const failed = states.find((one) => one?.state === 'failed');
    const known = failed ?? states.find((one) => one !== undefined);
    const serves = states.length > 0 && states.every((one) => one?.state === 'serving');
    const state = failed ? 'failed' : serves ? 'serving' : 'waiting';
    return { bound: [], ...known, key, state, protocol, port, hostname: hostname ?? '*' };
  });
  const others = Array.from(unserved, ({ key, protocol, port, hostname, message }): ListenerView => {
    return { key, state: 'refused', bound: [], message, protocol, port, hostname: hostname ?? '*' };
  });
  return [...told, ...others.filter(({ key }) => snapshot.get('Listener', key) === undefined)];
}

/** What listeners of one fleet are known as: made anew where one of them, or what is said of them, is another. */
export class ListenerBoard {
  #config: ReadonlyMap<string, unknown> | undefined;
  #lists: ReadonlyArray<Ack['listeners'] | undefined> = [];
  #views: ListenerView[] = [];

  /** The same list as long as nothing changes: whoever looks every second finds thousands as they were. */
  views(snapshot: Snapshot, { acks, proxies }: Omit<ServedBy, 'unserved'>): ReadonlyArray<ListenerView> {
    const config = snapshot.of('Listener');
    const lists = proxies.map((name) => acks.get(name)?.listeners);
    const isSame = lists.length === this.#lists.length && lists.every((one, at) => one === this.#lists[at]);
    if (config !== this.#config || !isSame) this.#views = listenerViews(snapshot, { acks, proxies, unserved: [] });
    this.#config = config;
    this.#lists = lists;
    return this.#views;
  }
}

/** Why it does not serve, in words. */
export function whyNot({ state, code, message }: ListenerView): string {
  switch (state) {
    case 'serving':
      return '';
    case 'waiting':
      return 'not open yet';
    case 'failed':
      return `${code ?? 'failed'}: ${message ?? ''}`;
    case 'refused':
      return `refused: ${message ?? ''}`;
  }
}

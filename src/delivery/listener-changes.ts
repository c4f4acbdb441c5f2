/** What there is to tell of listeners since the last look. */
import { type ListenerView, whyNot } from './listener-view.ts';

export class ListenerChanges {
  /** What was told of each last. */
  readonly #told = new Map<string, string>();

  /**
   * Those that fail, and those that serve again. One that serves from the start is in the list that a start gives, and a
   * refusal is a diagnostic.
   */
  of(listeners: ReadonlyArray<ListenerView>): ListenerView[] {
    const keys = new Set(listeners.map(({ key }) => key));
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key);
    return listeners.filter((listener) => this.#isNews(listener));
  }

  #isNews(listener: ListenerView): boolean {
    const { key, state } = listener;
    const now = state === 'failed' ? whyNot(listener) : state;
    const before = this.#told.get(key);
    if (before === now || state === 'waiting') return false;
    this.#told.set(key, now);
    return state === 'failed' || (state === 'serving' && before !== undefined);
  }
}

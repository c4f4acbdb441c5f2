/** One watch: a line for each change, bookmarks now and then, an end after the time that was asked for. */
import type { ServerResponse } from 'node:http';
import { type ApiObject, Refusal } from './api-object.ts';
import { selectorOf } from './selector.ts';
import type { ServedKind } from './served-kind.ts';
import type { Store, StoredChange } from './store.ts';

export interface WatchAsked {
  served: ServedKind;
  namespace: string;
  query: URLSearchParams;
  /** As the answer shows an object. */
  show(object: ApiObject): unknown;
}

export interface WatchTimes {
  /** Milliseconds between bookmarks. */
  bookmark: number;
}

export class WatchStream {
  readonly #store: Store;
  readonly #asked: WatchAsked;
  readonly #response: ServerResponse;
  readonly #selects: (object: ApiObject) => boolean;
  readonly #timers: NodeJS.Timeout[] = [];
  #stop = (): void => {};
  /** Nothing is said any more, and the connection stays open: what a half-dead one looks like. */
  mute = false;

  constructor(store: Store, asked: WatchAsked, at: { response: ServerResponse; times: WatchTimes }) {
    this.#store = store;
    this.#asked = asked;
    this.#response = at.response;
    this.#selects = selectorOf(asked.query);
    at.response.on('close', () => this.#end());
    this.#begin(at.times);
  }

  /** Ends it as a server does that stops. */
  close(): void {
    this.#response.destroy();
  }

  #begin({ bookmark }: WatchTimes): void {
    const { query } = this.#asked;
    this.#response.writeHead(200, { 'content-type': 'application/json' });
    this.#response.flushHeaders();
    let after = Number(query.get('resourceVersion') || 0);
    if (query.get('sendInitialEvents') === 'true' || after === 0) after = this.#sendInitial();
    try {
      this.#stop = this.#store.watch(after, (change) => this.#onChange(change));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#say('ERROR', error.status);
      this.#response.end();
      return;
    }
    if (query.get('allowWatchBookmarks') === 'true') {
      this.#timers.push(setInterval(() => this.#bookmark(), bookmark).unref());
    }
    const lasts = Number(query.get('timeoutSeconds') || 0);
    if (lasts > 0) this.#timers.push(setTimeout(() => this.#response.end(), lasts * 1000).unref());
  }

  #sendInitial(): number {
    const { served, namespace, query } = this.#asked;
    const { version } = this.#store;
    for (const object of this.#store.list(served, namespace)) {
      if (this.#selects(object)) this.#say('ADDED', this.#asked.show(object));
    }
    if (query.get('sendInitialEvents') === 'true') this.#bookmark({ 'k8s.io/initial-events-end': 'true' });
    return version;
  }

  #bookmark(annotations?: Record<string, string>): void {
    const { served } = this.#asked;
    const metadata = { resourceVersion: String(this.#store.version), ...(annotations ? { annotations } : {}) };
    const apiVersion = served.group === '' ? served.version : `${served.group}/${served.version}`;
    this.#say('BOOKMARK', { kind: served.kind, apiVersion, metadata });
  }

  #onChange({ served, object, before, type }: StoredChange): void {
    const { namespace } = this.#asked;
    if (served !== this.#asked.served) return;
    if (namespace !== '' && object.metadata.namespace !== namespace) return;
    const [was, is] = [before !== undefined && this.#selects(before), type !== 'DELETED' && this.#selects(object)];
    if (is) this.#say(was ? 'MODIFIED' : 'ADDED', this.#asked.show(object));
    else if (was) this.#say('DELETED', this.#asked.show(object));
  }

  #say(type: string, object: unknown): void {
    if (!this.mute) this.#response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #end(): void {
    this.#stop();
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

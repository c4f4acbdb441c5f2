/**
 * Events (events.k8s.io/v1) for what a person must act on, and for that being mended. The same one again counts up the one that is there; there are
 * never more than an API server bears: who is told too much is told nothing.
 */
import { createHash } from 'node:crypto';
import type { Kind } from '../api/index.ts';
import type { Log } from '../observe/index.ts';
import { type ApiClient, ApiError } from '../sources/cluster/index.ts';
import type { StatusFault } from './status-fault.ts';

export interface Regarded {
  apiVersion: string;
  kind: Kind;
  namespace?: string | undefined;
  name: string;
  /** By this `kubectl describe` finds an object's events. */
  uid: string;
}

export interface EventRecorderOptions {
  client: ApiClient;
  controllerName: string;
  /** Of this process, such as its pod's name. */
  instance: string;
  log: Log;
  limits?: Partial<EventLimits>;
  now?: () => number;
}

export interface EventLimits {
  /** Of one object in a window, and as many that say that something is mended. */
  perObject: number;
  /** Of all objects of a namespace in a window: one tenant's mistakes leave room for what others are told. */
  perNamespace: number;
  /** Of all objects in a window. */
  total: number;
  /** Milliseconds. */
  window: number;
  /** Milliseconds in which the same event counts up the one that is there. */
  series: number;
}

/** How many events are written, and how often the same. */
export const EVENT_LIMITS: EventLimits = {
  perObject: 10,
  perNamespace: 100,
  total: 300,
  window: 5 * 60_000,
  series: 60 * 60_000,
};
/** The API's limit on an event's text, in characters. */
export const MAX_NOTE = 1024;
/** The API's limit on a reason and on the name of who reports, in characters. */
const MAX_REASON = 128;

interface Told extends StatusFault {
  type: 'Warning' | 'Normal';
}

interface WrittenEvent {
  type: Told['type'];
  name: string;
  reason: string;
  note: string;
  now: number;
}

interface Known {
  name: string;
  count: number;
  last: number;
}

export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #limits: EventLimits;
  readonly #known = new Map<string, Known>();
  #window = emptyWindow(0);
  #last: Promise<void> = Promise.resolve();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#limits = { ...EVENT_LIMITS, ...options.limits };
  }

  /** Never waits and never throws: an event that is lost costs a line of the log. */
  warn(object: Regarded, { reason, message }: StatusFault): void {
    this.#tell(object, { type: 'Warning', reason: reason.slice(0, MAX_REASON), message });
  }

  /** What somebody was warned of is no more: a warning is not to be the last word. Nothing where there is none. */
  mended(object: Regarded, faults: readonly StatusFault[]): void {
    if (faults.length === 0) return;
    const message = `no longer so: ${faults.map(({ reason, message }) => `${message} (${reason})`).join('; ')}`;
    this.#tell(object, { type: 'Normal', reason: 'Mended', message });
  }

  #tell(object: Regarded, told: Told): void {
    if (!this.#admit(`${told.type} ${object.uid}`, object.namespace ?? '')) return;
    const write = (): Promise<void> => this.#write(object, told);
    // One at a time: they are never in a hurry.
    this.#last = this.#last.then(write).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      this.#options.log.debug({ object: object.name }, `no event was written: ${text}`);
    });
  }

  /** Fulfilled when all are written or lost. */
  settled(): Promise<void> {
    return this.#last;
  }

  #admit(about: string, namespace: string): boolean {
    const now = this.#now();
    const { perObject, perNamespace, total, window } = this.#limits;
    if (now - this.#window.from >= window) {
      const { dropped } = this.#window;
      if (dropped > 0) this.#options.log.info({}, `${dropped} events were left out: there were too many`);
      this.#window = emptyWindow(now);
      for (const [key, { last }] of this.#known) if (now - last > this.#limits.series) this.#known.delete(key);
    }
    const { objects, namespaces } = this.#window;
    const own = objects.get(about) ?? 0;
    const beside = namespaces.get(namespace) ?? 0;
    if (own >= perObject || beside >= perNamespace || this.#window.total >= total) {
      this.#window.dropped++;
      return false;
    }
    objects.set(about, own + 1);
    namespaces.set(namespace, beside + 1);
    this.#window.total++;
    return true;
  }

  async #write(object: Regarded, { type, reason, message }: Told): Promise<void> {
    const now = this.#now();
    const note = message.length > MAX_NOTE ? `${message.slice(0, MAX_NOTE - 1)}…` : message;
    const key = `${object.uid} ${reason} ${note}`;
    const known = this.#known.get(key);
    const path = `/apis/events.k8s.io/v1/namespaces/${object.namespace ?? 'default'}/events`;
    if (known !== undefined && now - known.last <= this.#limits.series) {
      const series = { count: known.count + 1, lastObservedTime: micro(now) };
      const isThere = await this.#count(`${path}/${known.name}`, series);
      if (isThere) return void this.#known.set(key, { ...known, count: series.count, last: now });
    }
    const name = `${object.name.slice(0, 200)}.${digest(`${key} ${now}`)}`;
    await this.#options.client.call({
      method: 'POST',
      path,
      body: this.#body(object, { type, name, reason, note, now }),
    });
    this.#known.set(key, { name, count: 1, last: now });
  }

  /** False where the event that was to be counted up is gone: API servers keep them for an hour. */
  async #count(path: string, series: object): Promise<boolean> {
    try {
      const contentType = 'application/merge-patch+json';
      await this.#options.client.call({ method: 'PATCH', path, contentType, body: { series } });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }

  #body(object: Regarded, event: WrittenEvent): object {
    const { namespace, ...regarding } = object;
    const { controllerName, instance } = this.#options;
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: event.name, namespace: namespace ?? 'default' },
      eventTime: micro(event.now),
      reportingController: controllerName,
      reportingInstance: instance.slice(0, MAX_REASON),
      action: 'Reconcile',
      type: event.type,
      reason: event.reason,
      note: event.note,
      regarding: { ...regarding, ...(namespace === undefined ? {} : { namespace }) },
    };
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

interface Window {
  from: number;
  total: number;
  objects: Map<string, number>;
  namespaces: Map<string, number>;
  dropped: number;
}

function emptyWindow(from: number): Window {
  return { from, total: 0, objects: new Map(), namespaces: new Map(), dropped: 0 };
}

/** As MicroTime is written. */
function micro(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

import type { Ack, ConfigObject, ConfigRef, Delta } from './object.ts';

/** What became of the last form of a config object that was sent to a fleet of data planes. */
export interface Delivery {
  /** The form that was sent: a status about another form must not claim anything from this. */
  object: ConfigObject;
  /** pending: some data plane has not answered. serving: all of them serve it. rejected: one of them could not. */
  state: 'pending' | 'serving' | 'rejected';
  /** Where rejected: why, and by whom. */
  code?: string;
  message?: string;
}

export interface DeliveryChange {
  key: string;
  value?: Delivery;
}

/** Key of a Delivery; `fleet` is the Gateway's `namespace/name`, or '' where one fleet serves all. */
export function deliveryKey(fleet: string, ref: ConfigRef): string {
  return `${fleet}>${refKey(ref)}`;
}

/** An object's key among all kinds. */
export function refKey({ kind, key }: ConfigRef): string {
  return `${kind}/${key}`;
}

interface Sent {
  version: number;
  delivery: Delivery;
  /**
   * By data plane; absent where there never was one. An answer names what it rejects of one delta only, so a rejection
   * stands until a new form is sent.
   */
  rejections?: Map<string, { code: string; message: string }>;
}

/** Follows every object that was sent to one fleet until all of its data planes have acknowledged it. */
export class DeliveryLog {
  readonly #fleet: string;
  readonly #sent = new Map<string, Sent>();
  /** Keys of #sent that do not serve yet: what an acknowledgement can change. */
  readonly #open = new Set<string>();
  /** The last version that each data plane acknowledged; 0 before its first. */
  readonly #reached = new Map<string, number>();

  constructor(fleet: string, proxies: Iterable<string>) {
    this.#fleet = fleet;
    for (const proxy of proxies) this.#reached.set(proxy, 0);
  }

  /** Notes a delta; the deliveries that it begins and ends. Must be called before its acknowledgements come in. */
  sent({ version, upserts, removals }: Delta): DeliveryChange[] {
    const changes: DeliveryChange[] = [];
    for (const ref of removals) {
      const at = deliveryKey(this.#fleet, ref);
      this.#sent.delete(at);
      this.#open.delete(at);
      changes.push({ key: at });
    }
    for (const object of upserts) {
      const at = deliveryKey(this.#fleet, object);
      const delivery: Delivery = { object, state: 'pending' };
      this.#sent.set(at, { version, delivery });
      this.#open.add(at);
      changes.push({ key: at, value: delivery });
    }
    return changes;
  }

  /** Everything is taken away: the deliveries that this ends. */
  withdrawn(): DeliveryChange[] {
    const changes = Array.from(this.#sent.keys(), (key) => ({ key }));
    this.#sent.clear();
    this.#open.clear();
    return changes;
  }

  /** Takes an answer in; says which deliveries it settles. Answers of data planes that do not count are ignored. */
  acknowledge(ack: Ack): DeliveryChange[] {
    return this.#note(ack) ? this.#review() : [];
  }

  /** Whether it counts. */
  #note({ proxy, version, rejected }: Ack): boolean {
    if (!this.#reached.has(proxy)) return false;
    this.#reached.set(proxy, version);
    for (const { kind, key, code, message } of rejected) {
      const at = deliveryKey(this.#fleet, { kind, key });
      const sent = this.#sent.get(at);
      // An answer to an older delta says nothing about a form that went out after it.
      if (sent === undefined || sent.version > version) continue;
      (sent.rejections ??= new Map()).set(proxy, { code, message });
      this.#open.add(at);
    }
    return true;
  }

  /**
   * Which data planes count: one that is new must answer first, one that is gone is no longer waited for. `first`: the
   * answer with which one comes, so that nothing becomes pending for its sake that it serves.
   */
  expect(proxies: Iterable<string>, first?: Ack): DeliveryChange[] {
    const names = new Set(proxies);
    for (const name of Array.from(this.#reached.keys())) {
      if (names.has(name)) continue;
      this.#reached.delete(name);
      for (const { rejections } of this.#sent.values()) rejections?.delete(name);
    }
    for (const name of names) {
      if (this.#reached.has(name)) continue;
      this.#reached.set(name, 0);
      for (const at of this.#sent.keys()) this.#open.add(at);
    }
    if (first) this.#note(first);
    return this.#review();
  }

  #review(): DeliveryChange[] {
    const changes: DeliveryChange[] = [];
    const oldest = Math.min(...this.#reached.values());
    for (const at of this.#open) {
      const sent = this.#sent.get(at)!;
      const delivery = settled(sent, Number.isFinite(oldest) ? oldest : 0);
      if (delivery.state === 'serving') this.#open.delete(at);
      if (delivery.state === sent.delivery.state && delivery.message === sent.delivery.message) continue;
      sent.delivery = delivery;
      changes.push({ key: at, value: delivery });
    }
    return changes;
  }
}

function settled({ version, delivery: { object }, rejections }: Sent, oldest: number): Delivery {
  for (const [proxy, { code, message }] of rejections ?? []) {
    return { object, state: 'rejected', code, message: `${proxy}: ${message}` };
  }
  return { object, state: oldest >= version ? 'serving' : 'pending' };
}

import type { Ack, ConfigObject, ConfigRef, Delta } from './object.ts';

/** What became of the last form of a config object that was sent to a fleet of data planes. */
export interface Delivery {
  /** The form that was sent: a status about another form must not claim anything from this. */
  object: ConfigObject;
  /** pending: some data plane has not answered. serving: all of them serve it. rejected: one of them could not. */
  state: 'pending' | 'serving' | 'rejected';
  /** Where rejected: by whom and why. */
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

/** Follows every object that was sent to one fleet until all of its data planes have acknowledged it. */
export class DeliveryLog {
  readonly #fleet: string;
  readonly #sent = new Map<string, { version: number; delivery: Delivery }>();
  /** Keys of #sent that are pending or rejected: what an acknowledgement can change. */
  readonly #open = new Set<string>();
  /** The last acknowledgement of each data plane; null before its first. */
  readonly #acks = new Map<string, Ack | null>();

  constructor(fleet: string, proxies: Iterable<string>) {
    this.#fleet = fleet;
    for (const proxy of proxies) this.#acks.set(proxy, null);
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

  /** Takes an answer in; says which deliveries it settles. */
  acknowledge(ack: Ack): DeliveryChange[] {
    this.#acks.set(ack.proxy, ack);
    for (const ref of ack.rejected) {
      const at = deliveryKey(this.#fleet, ref);
      if (this.#sent.has(at)) this.#open.add(at);
    }
    return this.#review();
  }

  /** Which data planes count: one that is new must answer first, one that is gone is no longer waited for. */
  expect(proxies: Iterable<string>): DeliveryChange[] {
    const names = new Set(proxies);
    const added = Array.from(names).some((name) => !this.#acks.has(name));
    for (const name of this.#acks.keys()) if (!names.has(name)) this.#acks.delete(name);
    for (const name of names) if (!this.#acks.has(name)) this.#acks.set(name, null);
    if (added) for (const at of this.#sent.keys()) this.#open.add(at);
    return this.#review();
  }

  #review(): DeliveryChange[] {
    const changes: DeliveryChange[] = [];
    const rejections = this.#rejections();
    for (const at of this.#open) {
      const sent = this.#sent.get(at)!;
      const rejection = rejections.get(at);
      const state = rejection ? 'rejected' : this.#reached(sent.version) ? 'serving' : 'pending';
      if (state === 'serving') this.#open.delete(at);
      const delivery: Delivery = { object: sent.delivery.object, state, ...rejection };
      if (delivery.state === sent.delivery.state && delivery.message === sent.delivery.message) continue;
      sent.delivery = delivery;
      changes.push({ key: at, value: delivery });
    }
    return changes;
  }

  /** Every data plane that counts (there is one at least) has tried `version`. */
  #reached(version: number): boolean {
    for (const ack of this.#acks.values()) if (ack === null || ack.version < version) return false;
    return this.#acks.size > 0;
  }

  /** A data plane's list holds for the version that it acknowledged: later forms are not judged by it. */
  #rejections(): Map<string, { code: string; message: string }> {
    const found = new Map<string, { code: string; message: string }>();
    for (const ack of this.#acks.values()) {
      for (const { kind, key, code, message } of ack?.rejected ?? []) {
        const at = deliveryKey(this.#fleet, { kind, key });
        const sent = this.#sent.get(at);
        if (sent !== undefined && sent.version <= ack!.version)
          found.set(at, { code, message: `${ack!.proxy}: ${message}` });
      }
    }
    return found;
  }
}

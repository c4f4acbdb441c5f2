/** What every proxy of a run is started with, and how it is made of that. */

import type { OpenReceiver, WorkerProxy } from '../delivery/index.ts';
import { Metrics } from '../observe/index.ts';
import { createProxy, type GivenSocket, type ProxyOptions } from '../proxy/index.ts';
import type { TicketSecret } from '../value/ticket-secret.ts';
import { type AccessSetup, accessTap } from './access-tap.ts';
import { LARGE_CHANGE, returnMemory } from './memory-return.ts';
import { ProcessMetrics } from './process-metrics.ts';

/** Plain data, so that it can be sent to a worker. */
export interface ProxySetup extends AccessSetup {
  bind: string[];
  portMap: Array<[number, number]>;
  /** With descriptors of the worker's. */
  given?: GivenSocket[];
  trustedHops: string[];
  /** A file that the workers inherit, and what else they must have in common. */
  sharedMemory?: { fd: number; workers: number; seed: number };
  /** Where answers are kept besides memory, by so many workers. */
  cacheDisk?: { path: string; maxBytes: number; workers: number };
  /** File that says which country an address is in. */
  countryDatabase?: string;
  /** Of TLS session tickets: the same for all, and for a worker that takes the place of another. */
  ticketSecret: TicketSecret;
  /** Milliseconds; absent: the data plane's default. */
  drainTimeout?: number;
  loopbackNames: 'allowed' | 'refused';
  /** Absent: allowed. */
  loopbackEndpoints?: 'allowed' | 'refused';
  /** Another process will have taken the ports over when this one ends. */
  handsOver?: boolean;
  via: boolean;
  /** Absent: endpoints of all zones are used. */
  zone?: string;
  /** Of the admin API, where there is one: never a backend. */
  ownAddresses?: string[];
  /** Instead of the data plane's defaults. */
  limits?: ProxyOptions['limits'];
}

export function proxyOf(setup: ProxySetup): WorkerProxy {
  const { bind, portMap, trustedHops, shared, ticketSecret, limits, loopbackNames, ownAddresses = [], via } = setup;
  const metrics = new Metrics();
  const own = new ProcessMetrics();
  const access = accessTap(setup, metrics);
  const open: OpenReceiver = (name, { onAck, onTroubles, onInvalidate }) => {
    const proxy = createProxy({
      name,
      bind,
      portMap: new Map(portMap),
      ...(setup.given ? { given: setup.given } : {}),
      trustedHops,
      ticketSecret,
      reusePort: shared,
      ...(setup.sharedMemory ? { sharedMemory: { ...setup.sharedMemory, index: indexOf(name) } } : {}),
      ...(setup.cacheDisk ? { cacheDisk: { ...setup.cacheDisk, index: indexOf(name) } } : {}),
      ...(setup.countryDatabase === undefined ? {} : { countryDatabase: setup.countryDatabase }),
      loopbackNames,
      ...(setup.loopbackEndpoints ? { loopbackEndpoints: setup.loopbackEndpoints } : {}),
      via,
      ...(setup.handsOver ? { handsOver: true } : {}),
      ...(setup.zone === undefined ? {} : { zone: setup.zone }),
      ownAddresses,
      beforeServing: (objects) => {
        if (objects >= LARGE_CHANGE) returnMemory();
      },
      onAck,
      onTroubles,
      onInvalidate,
      ...(setup.drainTimeout === undefined ? {} : { drainTimeout: setup.drainTimeout }),
      ...(limits ? { limits } : {}),
      ...(access.onAccess ? { onAccess: access.onAccess } : {}),
    });
    return {
      apply: (delta) => proxy.apply(delta),
      metrics: () => [proxy.metrics(), metrics.snapshot(), own.families()],
      purge: (purge) => proxy.purge(purge),
      drain: async (timeout) => {
        await proxy.drain(timeout);
        await access.close();
      },
    };
  };
  return { open, abandon: () => access.close() };
}

/** Of `worker-3`, 3. */
function indexOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}

/** Where a run's config goes: one proxy in this process, or one a worker process. The rest does not see which. */
import type { Ack, Delta } from '../../config/index.ts';
import type { AccessFormat, Log, MetricsSnapshot } from '../../observe/index.ts';
import type { ProxyOptions } from '../../proxy/index.ts';

export interface DataPlane {
  /** Which proxies' acknowledgements count. */
  readonly names: ReadonlyArray<string>;
  /** Takes the next step; the answers come by `onAck`. Deltas are applied one after the other. */
  send(delta: Delta): void;
  /** One snapshot a proxy; of a worker that does not answer in time there is none. */
  metrics(): Promise<MetricsSnapshot[]>;
  /** No new connections; resolves when requests under way are finished, or after `timeout` milliseconds. */
  drain(timeout: number): Promise<void>;
}

/** What every proxy of a run is started with; plain data, so that it can be sent to a worker. */
export interface PlaneSetup {
  bind: string[];
  portMap: Array<[number, number]>;
  trustedHops: string[];
  accessLog: AccessFormat | 'off';
  /** Of TLS session tickets; set where several processes share the ports. */
  ticketKeys?: string;
  /** Instead of the data plane's defaults. */
  limits?: ProxyOptions['limits'];
}

export interface PlaneEvents {
  onAck(ack: Ack): void;
  /** The whole config, for a proxy that starts anew. */
  full(): Delta;
  log: Log;
}

export function proxyOptions(setup: PlaneSetup, name: string): Omit<ProxyOptions, 'reusePort' | 'onAccess'> {
  const { bind, portMap, trustedHops, ticketKeys, limits } = setup;
  const given = { ...(ticketKeys ? { ticketKeys } : {}), ...(limits ? { limits } : {}) };
  return { name, bind, portMap: new Map(portMap), trustedHops, ...given };
}

/** Milliseconds that the access log gets at exit to write what is left. */
export const LOG_CLOSE_TIMEOUT = 2000;

/** What every proxy of a run is started with, and how it is made of that. */
import type { OpenReceiver, WorkerProxy } from '../delivery/index.ts';
import { type AccessFormat, Metrics } from '../observe/index.ts';
import { createProxy, type ProxyOptions } from '../proxy/index.ts';
import { accessTap } from './access-tap.ts';

/** Plain data, so that it can be sent to a worker. */
export interface ProxySetup {
  bind: string[];
  portMap: Array<[number, number]>;
  trustedHops: string[];
  accessLog: AccessFormat | 'off';
  /** Of TLS session tickets; set where several processes share the ports. */
  ticketKeys?: string;
  /** Instead of the data plane's defaults. */
  limits?: ProxyOptions['limits'];
}

/** `shared`: several processes have the ports and the access log in common. */
export function proxyOf(setup: ProxySetup, { shared }: { shared: boolean }): WorkerProxy {
  const { bind, portMap, trustedHops, ticketKeys, limits } = setup;
  const metrics = new Metrics();
  const access = accessTap(setup, metrics, { shared });
  const open: OpenReceiver = (name, onAck) => {
    const proxy = createProxy({
      name,
      bind,
      portMap: new Map(portMap),
      trustedHops,
      reusePort: shared,
      onAck,
      ...(ticketKeys ? { ticketKeys } : {}),
      ...(limits ? { limits } : {}),
      ...(access.onAccess ? { onAccess: access.onAccess } : {}),
    });
    return {
      apply: (delta) => proxy.apply(delta),
      metrics: () => [proxy.metrics(), metrics.snapshot()],
      drain: async (timeout) => {
        await proxy.drain(timeout);
        await access.close();
      },
    };
  };
  return { open, abandon: () => access.close() };
}

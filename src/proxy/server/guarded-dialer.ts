/** How the stores of policies are reached: past the gate that endpoints of backends pass, too. */
import { isIP } from 'node:net';
import type { Driver } from '../ground/driver.ts';
import { resolveName } from '../names/index.ts';
import type { Dialer } from '../redis/index.ts';
import type { EndpointGate } from '../upstream/index.ts';

/** Names of stores wait for each other. */
const STORES = { tenant: '', isWaiting: () => true };

export function guardedDialer(driver: Driver, gate: EndpointGate): Dialer {
  return {
    connect: (target, sink) => driver.connect(target, sink),
    async addresses({ host, port }) {
      const named = !isIP(host);
      const found = named ? (await resolveName(host, STORES)).addresses : [host];
      const faults = found.map((address) => gate.faultOf({ address, port, transport: 'tcp', named }));
      const open = found.filter((_, at) => faults[at] === undefined);
      if (open.length > 0) return open;
      const [fault] = faults;
      throw new Error(fault === undefined ? 'has no address' : `must not be reached: ${found[0]} ${fault}`);
    },
  };
}

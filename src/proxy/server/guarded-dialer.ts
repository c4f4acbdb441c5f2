/** How the stores of policies are reached: past the gate that endpoints of backends pass, too. */
import { isIP } from 'node:net';
import type { Driver } from '../ground/driver.ts';
import type { Dialer } from '../redis/index.ts';
import type { EndpointGate } from '../upstream/index.ts';
import { StoreNames } from './store-names.ts';

export function guardedDialer(driver: Driver, gate: EndpointGate): Dialer {
  const names = new StoreNames();
  return {
    connect: (target, sink) => driver.connect(target, sink),
    async addresses({ host, port }, tenant) {
      const named = !isIP(host);
      const found = named ? await names.addressesOf(host, tenant) : [host];
      const faults = found.map((address) => gate.faultOf({ address, port, transport: 'tcp', named }));
      const open = found.filter((_, at) => faults[at] === undefined);
      if (open.length > 0) return open;
      const [fault] = faults;
      throw new Error(fault === undefined ? 'has no address' : `must not be reached: ${found[0]} ${fault}`);
    },
  };
}

/** A world of one port, without a data plane: nothing in it is open, and its time stands still. */
import { Metrics } from '../../observe/index.ts';
import { Networks } from '../../value/networks.ts';
import { newTicketSecret } from '../../value/ticket-secret.ts';
import { Policies } from '../filter/index.ts';
import { DEFAULT_LIMITS, DeadlineWheel } from '../http/index.ts';
import { type GivenSocket, GivenSockets, MemoryDriver, TicketKeys } from '../listen/index.ts';
import type { Backends } from '../upstream/index.ts';
import type { World } from './world.ts';

type Parts = ConstructorParameters<typeof World>[0];
type Settings = ConstructorParameters<typeof World>[1];

export interface WorldParts {
  parts: Parts;
  settings: Settings;
}

/** `backends`: what there is of a Backend, by its key. */
export function worldParts(given: GivenSocket[] = [], backends: ReadonlyMap<string, object> = new Map()): WorldParts {
  return {
    parts: {
      driver: new MemoryDriver(),
      wheel: new DeadlineWheel(() => 0),
      backends: { get: (key: string) => backends.get(key) } as unknown as Backends,
      policies: new Policies(),
      metrics: new Metrics(),
    },
    settings: {
      limits: { ...DEFAULT_LIMITS },
      drainTimeout: 7,
      trustedHops: new Networks(['10.0.0.0/8']),
      via: true,
      ticketKeys: new TicketKeys(newTicketSecret()),
      onAccess: () => {},
      sockets: new GivenSockets(given),
    },
  };
}

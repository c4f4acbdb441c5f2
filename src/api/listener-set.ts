import type { Condition } from './condition.ts';
import type { GatewayListener, ListenerStatus } from './gateway.ts';
import type { ParentGatewayReference } from './reference.ts';
import type { Resource } from './resource.ts';

export interface ListenerSet extends Resource {
  kind: 'ListenerSet';
  spec: {
    parentRef: ParentGatewayReference;
    /** At least one; names are unique within the set. */
    listeners: GatewayListener[];
  };
  status?: ListenerSetStatus;
}

export interface ListenerSetStatus {
  conditions?: Condition[];
  listeners?: ListenerStatus[];
}

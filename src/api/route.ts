import type { Condition } from './condition.ts';
import type { ParentReference } from './reference.ts';

/** What every route's spec has. */
export interface RouteParents {
  parentRefs?: ParentReference[];
  /** All: it attaches to the Gateways, too, that take what names none. */
  useDefaultGateways?: 'All' | 'None';
}

export interface RouteStatus {
  parents: RouteParentStatus[];
}

/** What one controller says about one parentRef. Entries of other controllers are kept as they are. */
export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

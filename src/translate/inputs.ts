import type {
  GatewayAddress,
  InstalledCrd,
  Kind,
  ProvidedCertificate,
  ResourceByKind,
  Superseded,
} from '../api/index.ts';
import type { Ack, Delivery } from '../config/index.ts';
import type { Collection } from '../graph/index.ts';

/** Collections of every kind, keyed by `objectKey`, and what the data planes say. */
export type Inputs = { readonly [K in Kind]: Collection<ResourceByKind[K]> } & {
  /** The last acknowledgement of each data plane, by its name: which sockets are open. */
  readonly acks: Collection<Ack>;
  /** What became of each config object that was sent, by `deliveryKey`: where Programmed comes from. */
  readonly deliveries: Collection<Delivery>;
  /** Addresses that infrastructure gave a Gateway, by its `namespace/name`. Unused where `shared`. */
  readonly addresses: Collection<AssignedAddresses>;
  /** Last good forms of credentials that cannot be used as they are now, by `supersededKey`. */
  readonly superseded: Collection<Superseded>;
  /** Certificates that no Secret holds, by `providedKey`. */
  readonly provided: Collection<ProvidedCertificate>;
  /** The Gateway API's CRDs of a cluster, by name; empty without one. */
  readonly installed: Collection<InstalledCrd>;
};

export interface AssignedAddresses {
  addresses: Array<Required<GatewayAddress>>;
  /** Which of those that are asked for are not there, each with the reason. */
  missing?: string;
  /** Why not every address asked for is there, or why what it needs could not be made. */
  problem?: { reason: 'AddressNotUsable' | 'AddressNotAssigned' | 'NoResources' | 'Invalid'; message: string };
}

export interface TranslateOptions {
  /** GatewayClasses of these controllers are adopted; undefined: every class, whatever its controllerName. */
  controllerNames?: ReadonlyArray<string>;
  /** One fleet of data planes serves all Gateways (standalone); else each Gateway has its own. */
  shared: boolean;
  /** Objects come from a cluster, also for a shared fleet: what they lack is made there; absent: from manifests alone. */
  cluster?: boolean;
  /** Where clients reach a shared fleet, such as the address of a load balancer; absent: what its sockets are bound to. */
  publishedAddresses?: ReadonlyArray<string>;
  /** What `0.0.0.0` and `[::]` of a shared fleet stand for, as clients reach it; absent: themselves. */
  machineAddresses?: ReadonlyArray<string>;
  /** Whether a Service may lead to this machine by name; refused unless said otherwise. */
  loopbackNames?: 'allowed' | 'refused';
  /** Whether the data planes of a shared fleet know where addresses are; absent: they say so themselves. */
  countries?: 'known' | 'unknown' | undefined;
  /** Certificates are obtained by ACME: for every Gateway that does not say otherwise, or (false) where one asks; absent: for none. */
  acme?: boolean;
  /**
   * Called where an object makes us throw while the translation is made, which is a fault of ours. Later faults are
   * thrown by the batch that brings them, after all else is done.
   */
  onFault?: (error: unknown) => void;
}

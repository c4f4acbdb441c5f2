import type {
  GatewayClassStatus,
  GatewayStatus,
  Kind,
  ListenerSetStatus,
  PolicyStatus,
  RouteStatus,
} from '../../api/index.ts';

/** What is written to an object's status: our own entries and conditions, without transition times. */
export interface ObjectStatus {
  apiVersion: string;
  kind: Kind;
  metadata: { namespace?: string; name: string };
  status: GatewayClassStatus | GatewayStatus | ListenerSetStatus | RouteStatus | PolicyStatus;
}

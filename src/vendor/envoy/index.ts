/** Every kind of Envoy Gateway: a new one has its line here. */
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { backend } from './backend.ts';
import { backendTraffic } from './backend-traffic.ts';
import { clientTraffic } from './client-traffic.ts';
import { UNLIKE } from './extension.ts';
import { routeFilter } from './route-filter.ts';
import { security } from './security.ts';

export const ENVOY_KINDS: readonly VendorKind[] = [
  backendTraffic,
  clientTraffic,
  security,
  routeFilter,
  backend,
  ...UNLIKE,
];

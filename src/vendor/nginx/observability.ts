import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

export const observability: VendorKind = {
  group: NGINX_GROUP,
  kind: 'ObservabilityPolicy',
  suggest(spec) {
    spec.lost('tracing', 'no spans are made: traceparent is passed on, and the access log has request id and times');
    return {};
  },
};

import { behind } from '../suggest/behind.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

export const proxySettings: VendorKind = {
  group: NGINX_GROUP,
  kind: 'ProxySettingsPolicy',
  suggest(spec, place) {
    spec.lost('buffering', 'answers are passed on as they come, in memory that is bounded');
    const timeout = spec.object('timeout');
    const timeouts = timeout && {
      connect: duration(timeout, 'connect', { ours: 'BackendTrafficPolicy timeouts.connect' }),
      read: duration(timeout, 'read', { ours: 'BackendTrafficPolicy timeouts.read' }),
      send: duration(timeout, 'send', { ours: 'BackendTrafficPolicy timeouts.send' }),
    };
    return behind(spec, place, compact({ timeouts }));
  },
};

/** Kinds that say how nginx itself runs, or what only its paid edition does. */
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

const WHY: Readonly<Record<string, string>> = {
  NginxProxy: 'says how nginx runs: DaemunParameters says how data planes run',
  NginxGateway: 'says how its controller runs: values of the chart say how ours does',
  ExternalLoadBalancer: 'says what stands before nginx: DaemunParameters says how a Gateway is reached',
  WAFPolicy: 'a firewall is asked as a service: docs/guides/waf.md',
  PayloadProcessor: 'bodies are not changed here',
};

export const INFRASTRUCTURE: readonly VendorKind[] = Object.entries(WHY).map(([kind, why]) => ({
  group: NGINX_GROUP,
  kind,
  suggest(spec) {
    for (const name of spec.names()) spec.lost(name, why);
    return {};
  },
}));

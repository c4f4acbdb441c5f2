/** Kinds that have nothing like them here. */
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { ENVOY_GROUP } from './group.ts';

const WHY: Readonly<Record<string, string>> = {
  EnvoyExtensionPolicy:
    'no code of others runs in the gateway: methods[].external of an AuthenticationPolicy asks a service',
  EnvoyPatchPolicy: 'there is no Envoy whose config could be patched',
  EnvoyProxy: 'says how Envoy runs: DaemunParameters says how data planes run',
  EnvoyGateway: 'says how its controller runs: values of the chart say how ours does',
};

export const UNLIKE: readonly VendorKind[] = Object.entries(WHY).map(([kind, why]) => ({
  group: ENVOY_GROUP,
  kind,
  suggest(spec) {
    for (const name of spec.names()) if (!name.startsWith('target')) spec.lost(name, why);
    return {};
  },
}));

import type { AccessRules } from '../../api/index.ts';
import { readNetwork } from '../../value/network.ts';
import type { Fields } from '../fields.ts';
import type { KongPluginKind } from './plugin.ts';
import { REFUSALS } from './status.ts';

const FORBIDDEN = 403;

export const ipRestriction: KongPluginKind = {
  plugin: 'ip-restriction',
  guards: true,
  read(config) {
    const deny = networks(config, 'deny');
    const allow = networks(config, 'allow');
    const statusCode = config.whole('status', REFUSALS, { ours: 'AccessPolicy refusal.statusCode' }) ?? FORBIDDEN;
    const message = config.text('message', { ours: 'AccessPolicy refusal.body' }) ?? 'IP address not allowed';
    if (deny.length + allow.length === 0) config.refuse('allow', 'allow or deny must name an address');
    const rules: AccessRules = {
      refusal: { statusCode, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ message }) },
    };
    if (deny.length > 0) rules.deny = [{ name: 'denied', addresses: deny }];
    if (allow.length > 0) rules.allow = [{ name: 'allowed', addresses: allow }];
    return { policies: { AccessPolicy: rules } };
  },
};

function networks(config: Fields, name: 'allow' | 'deny'): string[] {
  const all = config.texts(name, { ours: `AccessPolicy ${name}[].addresses` }) ?? [];
  for (const one of all.filter((text) => readNetwork(text) === undefined)) {
    config.refuse(name, `${one} is no network: write an address, or a CIDR such as 10.0.0.0/8 or 2001:db8::/32`);
  }
  return all.map(asNetwork);
}

/** A single address is a network of one. */
export function asNetwork(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

import type { AccessRules } from '../../api/index.ts';
import type { KongPluginKind } from './plugin.ts';

const FORBIDDEN = 403;

export const ipRestriction: KongPluginKind = {
  plugin: 'ip-restriction',
  guards: true,
  read(config) {
    const deny = config.texts('deny', { ours: 'AccessPolicy deny[].addresses' }) ?? [];
    const allow = config.texts('allow', { ours: 'AccessPolicy allow[].addresses' }) ?? [];
    const statusCode = config.number('status', { ours: 'AccessPolicy refusal.statusCode' }) ?? FORBIDDEN;
    const message = config.text('message', { ours: 'AccessPolicy refusal.body' }) ?? 'IP address not allowed';
    if (deny.length + allow.length === 0) config.refuse('allow', 'allow or deny must name an address');
    const rules: AccessRules = {
      refusal: { statusCode, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ message }) },
    };
    if (deny.length > 0) rules.deny = [{ name: 'denied', addresses: deny.map(asNetwork) }];
    if (allow.length > 0) rules.allow = [{ name: 'allowed', addresses: allow.map(asNetwork) }];
    return { policies: { AccessPolicy: rules } };
  },
};

/** A single address is a network of one. */
export function asNetwork(address: string): string {
  if (address.includes('/')) return address;
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

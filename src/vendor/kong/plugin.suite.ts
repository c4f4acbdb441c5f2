/** What every plugin of Kong must keep to. */
import { describe, expect, test } from 'vitest';
import { isObject } from '../../value/json-object.ts';
import { Fields } from '../fields.ts';
import { isLost } from '../finding.ts';
import { ownPolicy, targetOf } from '../ours.ts';
import type { KongCredential, KongPluginKind, PluginSite } from './plugin.ts';
import { readPlugin } from './plugin-reading.ts';

export interface PluginCase {
  kind: KongPluginKind;
  /** As much as it can be set to and is served. */
  whole: Record<string, unknown>;
  /** As little; absent: nothing. */
  least?: Record<string, unknown>;
  /** Settings that are not served, each by itself. */
  lost: ReadonlyArray<Record<string, unknown>>;
}

const CREDENTIALS: readonly KongCredential[] = [
  { consumer: 'ann', username: 'ann', customId: '7', data: { key: 'the key of ann' } },
  {
    consumer: 'ann',
    username: 'ann',
    data: { key: 'the second key', username: 'ann', password: 'secret', secret: 'x'.repeat(48) },
  },
];

export const SITE: PluginSite = {
  namespace: 'default',
  name: 'shop-p',
  credentials: (type) =>
    CREDENTIALS.filter(({ data }) => type !== 'basic-auth' || data.username !== undefined).slice(
      type === 'jwt' ? 1 : 0,
    ),
};

/** `admit`: what sources make of an object: the object, or what is wrong with it. */
export function describePlugin(one: PluginCase, admit: (object: unknown) => unknown): void {
  const { kind, whole, least = {}, lost } = one;
  const named = {
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongPlugin',
    metadata: { namespace: 'default', name: 'p' },
  } as const;
  const read = (config: Record<string, unknown>) => readPlugin({ ...named, plugin: kind.plugin, config }, SITE)!;

  describe(kind.plugin, () => {
    test.each([
      ['as much as it can be', whole],
      ['as little', least],
    ])('%s is served, by objects that are admitted as they are', (_name, config) => {
      const { parts, findings, broken } = read(config);
      expect({ broken, lost: findings.filter(isLost) }).toEqual({ broken: undefined, lost: [] });
      const targetRefs = [targetOf('HTTPRoute', 'shop')];
      const policies = Object.entries(parts.policies ?? {}).map(([own, settings]) =>
        ownPolicy(own as 'AccessPolicy', { namespace: 'default', name: 'p' }, { targetRefs, ...settings }),
      );
      const route = {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: { name: 'shop', namespace: 'default' },
        spec: { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }], filters: parts.filters ?? [] }] },
      };
      const objects = [...policies, ...(parts.secrets ?? []), ...(parts.filters === undefined ? [] : [route])];
      expect(objects.length).toBeGreaterThan(0);
      for (const object of objects) expect(admit(object)).toEqual(object);
    });

    test('every field that it is set to has something to be said about', () => {
      const fields = new Fields(whole, 'config');
      kind.read(fields, SITE);
      const told = fields.done().map(({ field }) => field);
      const unsaid = leaves(whole, 'config').filter(
        (field) => !told.some((one) => one === field || one.startsWith(`${field}[`)),
      );
      // What is set to what it is anyway needs no word.
      expect(unsaid.filter((field) => !field.endsWith('path') && !DEFAULTS.includes(field))).toEqual([]);
    });

    test.each(lost)('what is not served is told, and a guard refuses: %j', (config) => {
      const { findings, broken, parts } = read({ ...least, ...config });
      expect(findings.filter(isLost).length).toBeGreaterThan(0);
      expect(broken === undefined).toBe(!kind.guards);
      if (kind.guards) expect(parts).toEqual({});
    });

    test('a field that nobody knows is told by name', () => {
      const { findings } = read({ ...least, of_tomorrow: 1 });
      expect(findings).toContainEqual({ field: 'config.of_tomorrow', fate: 'Unknown' });
    });
  });
}

const DEFAULTS: readonly string[] = [
  'config.key_in_body',
  'config.run_on_preflight',
  'config.require_content_length',
  'config.sync_rate',
  'config.redis.ssl_verify',
  'config.private_network',
  'config.key_claim_name',
];

function leaves(value: Record<string, unknown>, path: string): string[] {
  return Object.entries(value).flatMap(([name, one]) =>
    isObject(one) ? leaves(one, `${path}.${name}`) : [`${path}.${name}`],
  );
}

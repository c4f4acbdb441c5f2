import { isIPv4, isIPv6 } from 'node:net';
import { Environment } from '@marcbachmann/cel-js';
import { isObject } from '../../src/sources/schema/index.ts';
import type { OpenApi } from './open-api-schema.ts';

const environment = new Environment({ unlistedVariablesAreDyn: true }).registerFunction(
  'isIP(string): bool',
  (text: string) => isIPv4(text) || (isIPv6(text) && !text.includes('%')),
);

type Program = ReturnType<typeof environment.parse>;
const programs = new Map<string, Program>();

/** Whether a rule of a CRD is broken; one that cannot be evaluated is broken too, as for an API server. */
export function failsCel(rule: string, self: unknown): boolean {
  let program = programs.get(rule);
  if (!program) {
    program = environment.parse(translated(rule));
    programs.set(rule, program);
  }
  try {
    return program({ self }) !== true;
  } catch {
    return true;
  }
}

/** RE2 puts flags anywhere, JavaScript has them for groups only; and this engine's has() takes no index. */
function translated(rule: string): string {
  return rule
    .replace(/\^\(\?i\)(.*?)\$(""")/g, '^(?i:$1)$$$2')
    .replace(/has\(([\w.]+\[\d+\])\.(\w+)\)/g, '("$2" in $1)');
}

/**
 * A value as rules see it: whole numbers are int, and a field named `namespace`, a word that CEL reserves, is
 * escaped as API servers do (keys of maps are not).
 */
export function celValue(schema: OpenApi, value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map((item) => celValue(schema.items ?? {}, item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const field = schema.properties?.[name];
      const escaped = field && name === 'namespace' ? '__namespace__' : name;
      return [escaped, celValue(field ?? schema.additionalProperties ?? {}, item)];
    }),
  );
}

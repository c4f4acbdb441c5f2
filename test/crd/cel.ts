import { isIPv4, isIPv6 } from 'node:net';
import { Environment } from '@marcbachmann/cel-js';
import { isObject } from '../../src/sources/schema/index.ts';

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
    // RE2 puts flags anywhere; JavaScript has them for groups only.
    program = environment.parse(rule.replace(/\^\(\?i\)(.*?)\$(""")/g, '^(?i:$1)$$$2'));
    programs.set(rule, program);
  }
  try {
    return program({ self: celValue(self) }) !== true;
  } catch {
    return true;
  }
}

/** Whole numbers are int in CEL, and `namespace`, a word that CEL reserves, is escaped as API servers do. */
function celValue(value: unknown): unknown {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  if (Array.isArray(value)) return value.map(celValue);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name === 'namespace' ? '__namespace__' : name, celValue(item)]),
  );
}

import type { ConfigMap, Secret } from '../../api/index.ts';
import { base64 } from './format.ts';
import { flag, map, optional, type Rule, rule, text } from './schema.ts';

/** The schemas of Secret and ConfigMap: neither has a spec. */

/** The API server's limit on all values of one object together. */
const MAX_DATA_BYTES = 1024 * 1024;

const keysAreFileNames: Rule = rule<Record<string, string>>(
  'has a key that is no file name: letters, digits, "-", "_" and ".", at most 253 characters',
  (data) =>
    Object.keys(data).every((key) => /^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== '.' && !key.startsWith('..')),
);

const plain = map(text(), { blank: '', rules: [keysAreFileNames] });
const encoded = map(base64, { blank: '', rules: [keysAreFileNames] });

export const secretFields = {
  type: optional(text({ min: 1 }), 'Opaque'),
  data: optional(encoded),
  immutable: optional(flag),
};

/** Fields that must be there, by type of Secret. */
const TLS_KEYS = ['tls.crt', 'tls.key'] as const;

export const secretRules = [
  ...TLS_KEYS.map((key): Rule => {
    const message = `must have ${key} when type is kubernetes.io/tls`;
    const holds = ({ type, data }: Secret): boolean => type !== 'kubernetes.io/tls' || data?.[key] !== undefined;
    // An API server refuses it. Of a file the listener says so, and since when its last good certificate stands in.
    return { ...rule<Secret>(message, holds, 'data'), warns: true };
  }),
  rule<Secret>(
    `must not be larger than ${MAX_DATA_BYTES} bytes in all`,
    ({ data = {} }) => bytes(Object.values(data)) * 0.75 <= MAX_DATA_BYTES,
    'data',
  ),
];

export const configMapFields = {
  data: optional(plain),
  binaryData: optional(encoded),
  immutable: optional(flag),
};

export const configMapRules = [
  rule<ConfigMap>(
    'must not repeat a key of data; rename or remove one of the two',
    ({ data = {}, binaryData = {} }) => !Object.keys(binaryData).some((key) => Object.hasOwn(data, key)),
    'binaryData',
  ),
  rule<ConfigMap>(
    `must not be larger than ${MAX_DATA_BYTES} bytes in all`,
    ({ data = {}, binaryData = {} }) =>
      bytes(Object.values(data)) + bytes(Object.values(binaryData)) * 0.75 <= MAX_DATA_BYTES,
    'data',
  ),
];

function bytes(values: readonly string[]): number {
  return values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
}

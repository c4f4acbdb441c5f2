import { isObject, type JsonObject } from '../../src/sources/schema/index.ts';
import type { OpenApi } from './open-api-schema.ts';

export type Path = Array<string | number>;

/** An object of the corpus, and how it was made. */
export interface Specimen {
  how: string;
  object: JsonObject;
}

const long = (length: number): string => 'a'.repeat(length);
const WORDS = [
  ...['Exact', 'PathPrefix', 'RegularExpression', 'Hostname', 'IPAddress', 'URI', 'Terminate', 'Passthrough'],
  ...['ReplaceFullPath', 'ReplacePrefixMatch', 'HTTP', 'HTTPS', 'TLS', 'TCP', 'UDP', 'CORS', 'URLRewrite'],
  ...['RequestRedirect', 'RequestMirror', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'ExtensionRef'],
];
const STRINGS = [
  ...[
    '',
    'a',
    'UPPER',
    'with space',
    'a.b',
    '*.a.b',
    '*',
    'a/b',
    'example.com/path',
    '-a',
    'a-',
    'a_b',
    'ä',
    '.',
    '..',
  ],
  ...['1.2.3.4', '::1', '::ffff:1.2.3.4', 'System', '/', '/a', '/a//b', '/a/./b', '/a/../b', '/a/..', '/a/.', '/a%2fb'],
  ...['/a%2Fb', '/a#b', '/a?b', '/a b', '/a%zz', '/ä', 'a.b.C', '.a.B', '1a', 'GET', 'get', 'http', 'https', 'ftp'],
  ...[
    'https://example.com',
    'https://*',
    'null',
    'spiffe://a/b',
    'mailto:a',
    '10s',
    '0s',
    '1h',
    '1h1m1s1ms1h',
    '10',
    '1d',
  ],
  ...['100000s', '1m30s', '1.5s', 'NamedAddress', 'All', 'Same', 'None', 'Selector', 'AllowValidOnly'],
  ...['example.com/x', 'Service', 'ExternalAuth', 'unknown'],
  ...[63, 64, 128, 253, 254, 255, 256, 257, 1024, 1025, 4096, 4097].map(long),
  `/${long(1023)}`,
  `/${long(1024)}`,
];
const NUMBERS = [0, -1, 1, 2, 1.5, 100, 101, 300, 301, 302, 304, 308, 399, 400, 599, 600, 65535, 65536];
const LARGE = [1_000_000, 1_000_001, 2 ** 31 - 1, 2 ** 31, 2 ** 40];
const LENGTHS = [2, 5, 6, 8, 9, 16, 17, 32, 33, 64, 65, 1024, 1025];

/** What is known of an object's kind: its schema, and values that fields of a name have in other objects. */
export interface Knowledge {
  schema: OpenApi;
  samples: ReadonlyMap<string, unknown[]>;
}

/** Every way in which one place of an object is changed. */
export function* mutations(seed: JsonObject, { schema, samples }: Knowledge): Generator<Specimen> {
  const known = new Set<string>();
  for (const path of placesIn(seed.spec, ['spec'])) {
    const value = at(seed, path);
    const place = path.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
    const first = !known.has(place);
    known.add(place);
    const where = path.join('.');
    const put = (how: string, given: unknown): Specimen => ({
      how: `${where} ${how}`,
      object: changed(seed, path, given),
    });
    yield put('removed', undefined);
    yield put('null', null);
    // Items of one list are alike: what is tried on the first of them is not tried on the others, except for words.
    if (typeof value === 'string') for (const word of WORDS) yield put(`= ${word}`, word);
    if (!first) continue;
    for (const other of [{}, [], 'text', 7, true])
      if (typeof other !== typeof value) yield put(`= ${JSON.stringify(other)}`, other);
    if (typeof value === 'string')
      for (const text of STRINGS) yield put(`= ${JSON.stringify(text.slice(0, 30))} (${text.length})`, text);
    if (typeof value === 'number') for (const number of [...NUMBERS, ...LARGE]) yield put(`= ${number}`, number);
    if (Array.isArray(value)) {
      yield put('emptied', []);
      yield put('holds {}', [{}]);
      yield put('holds null', [...value, null]);
      if (value.length === 0) continue;
      yield put('repeats', [...value, value[0]]);
      for (const length of LENGTHS) yield put(`grown to ${length}`, grown(value, length));
    }
    if (isObject(value)) {
      const fields = schemaAt(schema, path).properties;
      yield put('has a field unknown', { ...value, unknown: 1 });
      for (const length of [8, 9, 16, 17]) yield put(`has ${length} entries`, { ...value, ...entries(length) });
      for (const [name, given] of samples) {
        if (name in value || !fields || !Object.hasOwn(fields, name)) continue;
        for (const sample of given) yield put(`gains ${name}`, { ...value, [name]: sample });
      }
    }
  }
}

/** Values by the name of the field that has them, at most a few for each. */
export function samplesOf(seeds: readonly JsonObject[]): Map<string, unknown[]> {
  const samples = new Map<string, unknown[]>();
  for (const seed of seeds) {
    for (const path of placesIn(seed.spec, ['spec'])) {
      const name = path.at(-1);
      if (typeof name !== 'string' || name === 'spec') continue;
      const known = samples.get(name) ?? [];
      const value = at(seed, path);
      if (known.length < 3 && !known.some((other) => JSON.stringify(other) === JSON.stringify(value)))
        known.push(value);
      samples.set(name, known);
    }
  }
  return samples;
}

function* placesIn(value: unknown, path: Path): Generator<Path> {
  yield path;
  const entries = Array.isArray(value) ? [...value.entries()] : isObject(value) ? Object.entries(value) : [];
  for (const [step, item] of entries) yield* placesIn(item, [...path, step]);
}

function schemaAt(schema: OpenApi, path: Path): OpenApi {
  return path.reduce<OpenApi>((outer, step) => {
    const inner = typeof step === 'number' ? outer.items : outer.properties?.[step];
    return inner ?? outer.additionalProperties ?? {};
  }, schema);
}

function at(value: unknown, path: Path): unknown {
  return path.reduce((inner: unknown, step) => (inner as Record<string | number, unknown>)[step], value);
}

/** A copy with another value in one place, which shares all the others; undefined takes the place away. */
function changed(seed: JsonObject, path: Path, given: unknown): JsonObject {
  // The root of an object is never what is changed, so it stays an object.
  return replaced(seed, path, given) as JsonObject;
}

function replaced(value: unknown, [step, ...rest]: Path, given: unknown): unknown {
  if (step === undefined) return given;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  copy[step] = replaced(copy[step], rest, given);
  if (copy[step] === undefined) {
    if (Array.isArray(copy)) copy.splice(Number(step), 1);
    else delete copy[step];
  }
  return copy;
}

/** A list of that many items that differ in what tells items apart. */
function grown(items: unknown[], length: number): unknown[] {
  return Array.from({ length }, (_, i) => {
    const item = structuredClone(items[i % items.length]);
    if (typeof item === 'string') return i < items.length ? item : `a${i}${item.replace(/^\*/, '')}`;
    if (typeof item === 'number') return item + i;
    if (!isObject(item) || i < items.length) return item;
    if (typeof item.name === 'string') item.name = `${item.name}${i}`;
    if (typeof item.port === 'number') item.port = 1 + ((item.port + i) % 65535);
    return item;
  });
}

function entries(length: number): JsonObject {
  return Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, 'v']));
}

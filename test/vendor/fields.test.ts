/**
 * Every field that the published kinds of other gateways have, by its name: something is said of each. The lists are names
 * alone (NGINX Gateway Fabric of 2026-08-20, Envoy Gateway of 2026-08-21), each with its type or its values.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/value/json-object.ts';
import { foreignObject, suggestions } from '../../src/vendor/index.ts';

interface Field {
  path: string;
  values: string[];
}

interface ListedKind {
  kind: string;
  apiVersion: string;
  fields: Field[];
}

function listed(file: string, group: string): ListedKind[] {
  const kinds: ListedKind[] = [];
  for (const line of readFileSync(new URL(`fields/${file}.txt`, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')) {
    const [name = '', form = ''] = line.trim().split(' ');
    if (line.startsWith(' ')) kinds.at(-1)!.fields.push({ path: name, values: form.split('|') });
    else kinds.push({ kind: name, apiVersion: `${group}/${form}`, fields: [] });
  }
  return kinds;
}

/** A value of the field's form. */
const EXAMPLES: Readonly<Record<string, unknown>> = {
  string: 'a',
  integer: 1,
  number: 1,
  boolean: true,
  quantity: 1,
  map: { a: 'b' },
  object: { a: 'b' },
  any: { a: 'b' },
};

/** The field alone in a spec. */
function placed(spec: JsonObject, path: string, value: unknown): void {
  const parts = path.split('.');
  let at = spec;
  for (const [index, part] of parts.entries()) {
    const name = part.replace('[]', '');
    const isLast = index === parts.length - 1;
    if (isLast) at[name] = part.endsWith('[]') ? [value] : value;
    else if (part.endsWith('[]')) at = ((at[name] ??= [{}]) as JsonObject[])[0]!;
    else at = (at[name] ??= {}) as JsonObject;
  }
}

function told({ kind, apiVersion }: ListedKind, spec: JsonObject): Array<{ field: string; fate: string }> {
  const object = foreignObject({ apiVersion, kind, metadata: { name: 'a', namespace: 'default' }, spec })!;
  return suggestions([], [object]).lines;
}

const KINDS = [...listed('nginx', 'gateway.nginx.org'), ...listed('envoy', 'gateway.envoyproxy.io')];

describe.each(KINDS)('$kind', (listedKind) => {
  const verdicts = listedKind.fields.map(({ path, values }) => {
    const spec: JsonObject = {};
    const [first = 'any'] = values;
    placed(spec, path, Object.hasOwn(EXAMPLES, first) ? EXAMPLES[first] : first);
    return { path, told: told(listedKind, spec).map((one) => ({ ...one, field: plain(one.field) })) };
  });

  test('nothing is told to be no field that is known', () => {
    // What is said of the free content of a field is the content's.
    const unknown = verdicts.flatMap(({ path, told: all }) =>
      all.flatMap(({ field, fate }) => (fate === 'Unknown' && isAbove(field, path) ? [field] : [])),
    );
    expect([...new Set(unknown)]).toEqual([]);
  });

  test('of each something is said', () => {
    const silent = verdicts.filter(
      ({ path, told: all }) =>
        !all.some(({ field }) => isAbove(field, path) || isAbove(`spec.${path}`, field.slice(5))),
    );
    expect(silent.map(({ path }) => path).filter((path) => !SAID_WITH_ANOTHER.test(path))).toEqual([]);
  });
});

/** What says which of its siblings counts, or is a part of a reference or a match, is told with them. */
const SAID_WITH_ANOTHER =
  /^target|(?:^|\.)(?:type|valueType|group|kind|namespace|port|claim|value|values\[\]|range\.(?:start|end)|from|source|context|noDelay)$/;

function plain(field: string): string {
  return field.replaceAll(/\[\d+\]/g, '[]');
}

function isAbove(field: string, path: string): boolean {
  const whole = `spec.${path}`;
  return whole === field || whole.startsWith(`${field}.`) || whole.startsWith(`${field}[`);
}

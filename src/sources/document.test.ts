import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunksOf } from './chunk.ts';
import { entriesOf, thoroughEntries } from './document.ts';

test.each([
  ['nothing', '', []],
  ['comments only', '# a\n\n---\n# b\n', [['', 0]]],
  ['one document', 'a: 1\n', [['a: 1\n', 0]]],
  [
    'two documents',
    'a: 1\n---\nb: 2\n',
    [
      ['a: 1\n', 0],
      ['---\nb: 2\n', 1],
    ],
  ],
  [
    'a comment before the first',
    '# c\n---\na: 1\n--- # d\nb: 2\n',
    [
      ['# c\n---\na: 1\n', 0],
      ['--- # d\nb: 2\n', 3],
    ],
  ],
  ['a directive', '%YAML 1.2\n---\na: 1\n', [['%YAML 1.2\n---\na: 1\n', 0]]],
  [
    'content on the marker line',
    '--- {a: 1}\n--- {b: 2}',
    [
      ['--- {a: 1}\n', 0],
      ['--- {b: 2}', 1],
    ],
  ],
  ['dashes that are no marker', 'a: |\n  ---\n----\n', [['a: |\n  ---\n----\n', 0]]],
  [
    'Windows line ends',
    'a: 1\r\n---\r\nb: 2\r\n',
    [
      ['a: 1\r\n', 0],
      ['---\r\nb: 2\r\n', 1],
    ],
  ],
  [
    'JSON objects that follow one another',
    '# c\n{"a": "}{"}{"b": "\\"}{"}\n{\n"c": {}\n} {"d": 1}\n',
    [
      ['# c\n{"a": "}{"}', 0],
      ['{"b": "\\"}{"}\n', 1],
      ['{\n"c": {}\n} ', 2],
      ['{"d": 1}\n', 4],
    ],
  ],
  [
    'JSON objects between documents of YAML',
    'a: 1\n--- # c\n{"a": 1}\n{"b": 2}\n---\nc: 3\n',
    [
      ['a: 1\n', 0],
      ['--- # c\n{"a": 1}\n', 1],
      ['{"b": 2}\n', 3],
      ['---\nc: 3\n', 4],
    ],
  ],
  ['no mapping of YAML that only looks so', "{a: '}{'}\n", [["{a: '}{'}\n", 0]]],
  ['no mapping with a comment after it', '{"a": 1} # {"b": 2}\n', [['{"a": 1} # {"b": 2}\n', 0]]],
  ['nothing where a brace is not closed', '{"a": {"b": 1}\n{"c": 2}\n', [['{"a": {"b": 1}\n{"c": 2}\n', 0]]],
  [
    'where a byte order mark is before a marker',
    '\uFEFFa: 1\n\uFEFF---\nb: 2\n---\n\uFEFFc: 3\n',
    [
      ['\uFEFFa: 1\n', 0],
      ['\uFEFF---\nb: 2\n', 1],
      ['---\n\uFEFFc: 3\n', 3],
    ],
  ],
])('cuts %s', (_, text, expected) => {
  const chunks = chunksOf(text).map((chunk) => [chunk.text, chunk.line]);
  expect(chunks).toEqual(expected.filter(([content]) => content !== ''));
});

test('says on which line each fault is, below lists and anchors too', async () => {
  const text = await readFile(new URL('document.golden.yaml', import.meta.url), 'utf8');
  const said = chunksOf(text).flatMap(({ text: chunk, line }) =>
    entriesOf(chunk).flatMap(({ notes }) =>
      notes.map((note) => `${line + note.line + 1} ${note.severity} ${note.field}: ${note.message}`),
    ),
  );
  const expected = [...text.matchAll(/^# expect: (.*)$/gm)].map(([, expectation]) => expectation);
  expect(said).toEqual(expected);
});

test.each([
  [
    'anchors that multiply',
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdef'
      .split('')
      .map((c, i) => `${c}: &${c} [${Array(10).fill(`*${'abcde'[i]}`)}]`)
      .join('\n')}\n`,
  ],
  ['nesting without end', '['.repeat(100_000)],
  ['an anchor inside itself', 'apiVersion: v1\nkind: List\nitems: &a\n- kind: List\n  apiVersion: v1\n  items: *a\n'],
  ['a key twice', 'apiVersion: v1\napiVersion: v1\n'],
  ['a byte that YAML forbids', 'apiVersion: "\u0000"\nkind: A\n'],
])('survives %s', (_, text) => {
  const entries = chunksOf(text).flatMap((chunk) => entriesOf(chunk.text));
  expect(entries.length).toBeGreaterThan(0);
  for (const { admission } of entries) expect(admission.verdict).not.toBe('accepted');
});

test('reads plain words and numbers as kubectl does', () => {
  const data = 'data: { a: yes, b: off, 1: "x", c: 0x10, d: 2026-01-01, e: null }';
  const [entry] = entriesOf(`apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n${data}\n`);
  expect(entry?.notes.map(({ field, message }) => `${field} ${message}`)).toEqual([
    'data.a must be a string, not boolean true. Put it in quotes',
    'data.b must be a string, not boolean false. Put it in quotes',
    'data.c must be a string, not number 16. Put it in quotes',
  ]);
});

test.each([
  ['before a marker', '\uFEFF---\n'],
  ['after a marker', '---\n\uFEFF'],
  ['after a marker and a comment', '---\n# c\n\uFEFF'],
  ['before a comment', '\uFEFF# c\n---\n'],
  ['between JSON objects', ''],
])('reads documents with a byte order mark %s', (_, mark) => {
  const object = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`;
  const json = (name: string) => `\uFEFF{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"${name}"}}\n`;
  const text = mark === '' ? json('a') + json('B') : `\uFEFF${object('a')}${mark}${object('B')}`;
  const found = chunksOf(text).flatMap((chunk) => entriesOf(chunk.text).map((entry) => ({ ...entry, at: chunk.line })));
  expect(found.map(({ admission }) => admission.verdict)).toEqual(['accepted', 'refused']);
  const line = mark === '' ? 2 : object('a').split('\n').length + mark.split('\n').length - 1 + 2;
  expect(found[1]!.notes.map((note) => [found[1]!.at + note.line + 1, note.field])).toEqual([[line, 'metadata.name']]);
});

const line = fc.constantFrom(
  '---',
  '--- # c',
  '--- {a: 1}',
  '{"a": 1}{"b": 2}',
  '{',
  '}',
  "'",
  '\uFEFF---',
  '...',
  '# c',
  '',
  '%YAML 1.2',
  'a: 1',
  'a: [',
  '  b: |',
  '    ---',
  '- x',
  '\t',
);

test('cuts any file into parts that stand in it in order, on the lines that they name', () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n'), (lines, end) => {
      const text = lines.join(end);
      let from = 0;
      for (const chunk of chunksOf(text)) {
        const at = text.indexOf(chunk.text, from);
        expect(at).toBeGreaterThanOrEqual(from);
        expect(text.slice(0, at).split('\n').length - 1).toBe(chunk.line);
        from = at + chunk.text.length;
      }
      // What is left out has no content.
      expect(text.slice(from)).toMatch(/^(?:\uFEFF?(?:---)?\s*(?:#.*|%.*)?\s*)*$/);
    }),
  );
});

test('reads any text without throwing', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'apiVersion: v1',
      'kind: Secret',
      'metadata:',
      ' name: a',
      '&a',
      '*a',
      '<<: *a',
      '!!binary',
      '{',
      ']',
      ': ',
      '- ',
      '\n',
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      for (const chunk of chunksOf(words.join(''))) entriesOf(chunk.text);
    }),
  );
});

const scalar = fc.oneof(
  fc.string(),
  fc.constantFrom('yes', 'off', 'N', 'y', 'null', '~', '', '1', '0x10', '0o17', '017', '1e3', '.5', '+1', '-0', '.inf'),
  fc.constantFrom(
    '2026-01-01',
    '1_000',
    '0b11',
    '12:30:45',
    '*.example.com',
    '"a\\tb"',
    "'it''s'",
    '# c',
    'a #b',
    'a: b',
  ),
  fc.integer().map(String),
  fc.double().map(String),
);
const key = fc.constantFrom('a', 'b c', '"q"', "'s'", 'yes', '1', '1.10', 'null', '<<', '0x1', 'x.y/z', '__proto__');
const lineOfMap = fc
  .tuple(fc.constantFrom('  ', '    ', '  - ', ' '), key, scalar)
  .map(([pad, name, value]) => `${pad}${name}: ${value}`);
const flow = fc.jsonValue({ maxDepth: 3 }).map((value) => `  f: ${JSON.stringify(value)}`);
const block = fc.constantFrom(
  '  t: |',
  '  t: >-',
  '  t: |2+',
  '    text',
  '',
  '  # c',
  '---',
  '...',
  '  list:',
  '    -',
  '  - x',
  '\t',
);

test('the quick parser and the thorough one say the same of every document', () => {
  const head = fc.constantFrom('', '# c\n\n', '---\n', '--- # c\n', '\n--- ');
  const lines = fc.array(fc.oneof(lineOfMap, flow, block), { maxLength: 8 });
  fc.assert(
    fc.property(head, lines, fc.constantFrom('\n', '\r\n'), (before, data, end) => {
      const object = ['apiVersion: v1', 'kind: ConfigMap', 'metadata: { name: a }', 'data:', ...data].join('\n');
      const text = `${before}${object}\n`.replaceAll('\n', end);
      expect(entriesOf(text)).toEqual(thoroughEntries(text));
    }),
    { numRuns: 1000 },
  );
});

test.each([
  [
    'a missing ---',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: b }\n',
    '4 : is not valid YAML: apiVersion comes a second time; two objects need a line with --- between them',
  ],
  [
    'a Helm template',
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Values.name }}\n',
    '4 : is not valid YAML: {{ … }} is of a template: render it first, such as with helm template',
  ],
  [
    'a Helm block',
    '{{- if .Values.on }}\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n{{- end }}\n',
    '1 : is not valid YAML: {{ … }} is of a template: render it first, such as with helm template',
  ],
  [
    'a name of a template in quotes',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "{{ .Values.name }}" }\n',
    '3 metadata.name: must be a DNS name (lower-case letters, digits, "-" and ".", with a letter or digit at both ends), not "{{ .Values.name }}". {{ … }} is of a template: render it first, such as with helm template',
  ],
  [
    'a listener by its name',
    'apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: { name: a }\nspec:\n  gatewayClassName: c\n  listeners:\n    - { name: web, port: 0, protocol: HTTP }\n',
    '7 spec.listeners[0].port: listener web: must be 1 to 65535, not 0',
  ],
])('tells %s', (_, text, expected) => {
  const said = entriesOf(text).flatMap(({ notes }) =>
    notes.map(({ line, field, message }) => `${line + 1} ${field}: ${message}`),
  );
  expect(said).toEqual([expected]);
});

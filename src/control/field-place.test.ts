import { expect, test } from 'vitest';
import { FieldPlaces } from './field-place.ts';

const file = 'a.yaml';

function placesIn(text: string, at: { line: number; before?: number }) {
  return new FieldPlaces(() => ({ file, line: at.line, document: { text, line: at.before ?? 0 } }));
}

const TEXT = `\
kind: First
---
# about the second
kind: Second
metadata:
  annotations:
    a.b/c: x
spec:
  rules:
    - name: one
    - name: two
      backendRefs: [{ name: web }]
`;

test('a field is found in its own document, by name, index and quoted key', () => {
  const placeOf = placesIn(TEXT, { line: 4 }).round();
  const line = (field: string) => placeOf('Second/x/y', field).line;
  expect(line('spec.rules[1].backendRefs[0].name')).toBe(12);
  expect(line('spec.rules[0]')).toBe(10);
  expect(line('metadata.annotations["a.b/c"]')).toBe(7);
  expect(line('kind')).toBe(4);
});

test('a field that was left out is where its parent is; no field is where the object is', () => {
  const placeOf = placesIn(TEXT, { line: 4 }).round();
  expect(placeOf('x', 'spec.rules[1].matches[0].path')).toEqual({ file, line: 11 });
  expect(placeOf('x', '')).toEqual({ file, line: 4 });
});

test('items of a List are documents of their own', () => {
  const text = 'kind: List\nitems:\n  - kind: A\n    spec: 1\n  - kind: B\n    spec: 2\n';
  expect(placesIn(text, { line: 5 }).round()('x', 'spec').line).toBe(6);
});

test('lines count from the start of the file, and move with the document', () => {
  let before = 10;
  const places = new FieldPlaces(() => ({ file, line: before + 4, document: { text: TEXT, line: before } }));
  expect(places.round()('x', 'spec.rules[0]').line).toBe(20);
  before = 100;
  expect(places.round()('x', 'spec.rules[0]').line).toBe(110);
});

test('a document that changed is read anew', () => {
  let text = TEXT;
  const places = new FieldPlaces(() => ({ file, line: 4, document: { text, line: 0 } }));
  expect(places.round()('x', 'spec').line).toBe(8);
  text = TEXT.replace('metadata:\n', 'metadata:\n  name: a\n');
  expect(places.round()('x', 'spec').line).toBe(9);
});

test('without the document the line of the object must do, without the object nothing is known', () => {
  const known = new FieldPlaces(() => ({ file: '--endpoint', line: 0 }));
  expect(known.round()('x', 'spec')).toEqual({ file: '--endpoint', line: 0 });
  expect(new FieldPlaces(() => undefined).round()('x', 'spec')).toEqual({ file: '', line: 0 });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fieldPlaces } from './fieldplace.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldplace-'));
  file = join(folder, 'a.yaml');
});
afterEach(() => rmSync(folder, { recursive: true }));

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
  writeFileSync(file, TEXT);
  const placeOf = fieldPlaces(() => ({ file, line: 4 }));
  const line = (field: string) => placeOf('Second/x/y', field).line;
  expect(line('spec.rules[1].backendRefs[0].name')).toBe(12);
  expect(line('spec.rules[0]')).toBe(10);
  expect(line('metadata.annotations["a.b/c"]')).toBe(7);
  expect(line('kind')).toBe(4);
});

test('a field that was left out is where its parent is; no field is where the object is', () => {
  writeFileSync(file, TEXT);
  const placeOf = fieldPlaces(() => ({ file, line: 4 }));
  expect(placeOf('x', 'spec.rules[1].matches[0].path')).toEqual({ file, line: 11 });
  expect(placeOf('x', '')).toEqual({ file, line: 4 });
});

test('items of a List are documents of their own', () => {
  writeFileSync(file, 'kind: List\nitems:\n  - kind: A\n    spec: 1\n  - kind: B\n    spec: 2\n');
  expect(fieldPlaces(() => ({ file, line: 5 }))('x', 'spec').line).toBe(6);
});

test('without the file the line of the object must do, without the object nothing is known', () => {
  expect(fieldPlaces(() => ({ file: 'stdin', line: 7 }))('x', 'spec')).toEqual({ file: 'stdin', line: 7 });
  expect(fieldPlaces(() => undefined)('x', 'spec')).toEqual({ file: '', line: 0 });
});

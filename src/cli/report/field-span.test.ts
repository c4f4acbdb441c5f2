import { expect, test } from 'vitest';
import { fieldSpan } from './field-span.ts';

const FLOW =
  'spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: "a, b" }, { name: c, port: 80 }] }] }';

test.each([
  ['the member of an item', FLOW, 'spec.rules[0].backendRefs[1].port', 'port: 80'],
  ['a name that stands before in another place', FLOW, 'spec.rules[0].backendRefs[1].name', 'name: c'],
  ['an item', FLOW, 'spec.rules[0].backendRefs[0]', '{ name: "a, b" }'],
  ['what surrounds a field that is not there', FLOW, 'spec.rules[0].backendRefs[0].port', '{ name: "a, b" }'],
  ['a list', FLOW, 'spec.parentRefs', 'parentRefs: [{ name: edge }]'],
  ['an item in a line of its own', '  - { name: web, port: 0 }', 'spec.listeners[3].port', 'port: 0'],
  ['a line of block style as a whole', '  port: eighty', 'spec.ports[0].port', 'port: eighty'],
  ['a member of JSON', '{ "kind": "A", "spec": { "port": "eighty" } }', 'spec.port', '"port": "eighty"'],
])('marks %s', (_, line, field, expected) => {
  const [start, end] = fieldSpan(line, field);
  expect(line.slice(start, end)).toBe(expected);
});

import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { admit } from './admission.ts';
import { fieldName } from './diagnostic.ts';

const LISTENERS = 'listeners: [{ name: a, port: 80, protocol: HTTP';
const FROM =
  "from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a }], to: [{ group: '', kind: Secret";

test.each([
  ['Gateway', `${LISTENERS}, allowedRoutes: { namespaces: { from: Selector, selector: { matchLabel: {} } } } }]`],
  [
    'Gateway',
    `${LISTENERS}, allowedRoutes: { namespaces: { selector: { matchExpressions: [{ key: a, operator: Exists, value: b }] } } } }]`,
  ],
  ['Gateway', `${LISTENERS} }], allowedListeners: { namespaces: { from: Selector, selector: { labels: {} } } }`],
  ['Gateway', `${LISTENERS} }], tls: { frontend: { default: { validaton: { caCertificateRefs: [] } } } }`],
  ['Gateway', `${LISTENERS} }], tls: { frontend: { default: {}, perPorts: [] } }`],
  [
    'ListenerSet',
    `parentRef: { name: g }, ${LISTENERS}, allowedRoutes: { namespaces: { from: Selector, selector: { matchLabel: {} } } } }]`,
  ],
  ['ReferenceGrant', `${FROM}, nmae: x }]`],
])('of a %s a field that is left out would let more in than was written: it is refused', (kind, spec) => {
  const { verdict, said } = verdictOn(kind, spec);
  expect(verdict).toBe('refused');
  expect(said).toEqual([
    expect.stringMatching(
      /^error .*: is not a field of this object; this part guards, and nothing of the object is taken/,
    ),
  ]);
});

test.each([
  ['Gateway', `${LISTENERS}, allowedRoutes: { namespaces: { form: All } } }]`],
  ['Gateway', `${LISTENERS} }], tls: { backends: {} }`],
  ['ReferenceGrant', `${FROM} }], mode: x`],
])('of a %s a field that is left out elsewhere lets nobody in: it is told', (kind, spec) => {
  const { verdict, said } = verdictOn(kind, spec);
  expect(verdict).toBe('accepted');
  expect(said).toEqual([expect.stringMatching(/^warning .*: is not a field of this object; it is left out/)]);
});

function verdictOn(kind: string, spec: string): { verdict: string; said: string[] } {
  const of = kind === 'Gateway' ? 'gatewayClassName: c, ' : '';
  const text = `apiVersion: gateway.networking.k8s.io/v1\nkind: ${kind}\nmetadata: { name: a }\nspec: { ${of}${spec} }`;
  const admission = admit(parse(text));
  const problems = 'problems' in admission ? admission.problems : [];
  const said = problems.map(({ severity, path, message }) => `${severity} ${fieldName(path)}: ${message}`);
  return { verdict: admission.verdict, said };
}

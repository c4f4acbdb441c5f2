import { expect, test } from 'vitest';
import type { Condition } from '../../api/index.ts';
import type { Report } from '../../control/index.ts';
import { plain } from '../style.ts';
import { printReport, refused } from './index.ts';

function condition(type: string, status: Condition['status'], reason: string, message = ''): Condition {
  return { type, status, reason, message };
}

const report: Report = {
  items: [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { namespace: 'infra', name: 'edge' },
      status: {
        conditions: [
          condition('Accepted', 'True', 'Accepted'),
          condition('Programmed', 'Unknown', 'Pending', 'Waiting.'),
        ],
        listeners: [
          {
            name: 'http',
            conditions: [condition('Accepted', 'True', 'Accepted'), condition('Conflicted', 'False', 'NoConflicts')],
          },
        ],
      },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { namespace: 'shop', name: 'cart' },
      status: {
        parents: [
          {
            parentRef: { namespace: 'infra', name: 'edge', sectionName: 'http' },
            controllerName: 'daemun.dev/gateway-controller',
            conditions: [
              condition('Accepted', 'True', 'Accepted'),
              condition(
                'ResolvedRefs',
                'False',
                'BackendNotFound',
                'spec.rules[0].backendRefs[0]: no Service shop/carts.',
              ),
            ],
          },
        ],
      },
    },
  ],
  diagnostics: [
    {
      severity: 'warning',
      file: 'shop.yaml',
      line: 7,
      object: 'HTTPRoute/shop/cart',
      field: 'spec.rules[0].backendRefs[0].name',
      message: 'No Service shop/carts; shop/cart comes closest.',
    },
  ],
};

const view = { served: false, paint: plain, lineOf: () => '        - name: carts' };

test('the table tells what is well in one row a part, each fault in a row, then the diagnostics with their line', async () => {
  expect(await printReport(report, 'table', view)).toBe(`\
OBJECT                                        CONDITION            REASON            MESSAGE
Gateway infra/edge                            Accepted
  listener http                               Accepted
HTTPRoute shop/cart, parent infra/edge/http   Accepted
HTTPRoute shop/cart, parent infra/edge/http   ResolvedRefs=False   BackendNotFound   spec.rules[0].backendRefs[0]: no Service shop/carts.

warning: No Service shop/carts; shop/cart comes closest.
  --> shop.yaml:7  HTTPRoute/shop/cart  spec.rules[0].backendRefs[0].name
7 |         - name: carts
  |         ^^^^^^^^^^^^^

1 object accepted, 1 not, 1 warning
`);
});

test('json and yaml hold the same', async () => {
  expect(JSON.parse(await printReport(report, 'json', view))).toEqual(report);
  const { parse } = await import('yaml');
  expect(parse(await printReport(report, 'yaml', view))).toEqual(report);
});

test('a condition that is not what it should be is a refusal, a missing data plane is not, unless one is there', () => {
  const only = (...conditions: Condition[]): Report => ({
    items: [{ ...report.items[0]!, status: { conditions } }],
    diagnostics: [],
  });
  const offline = { served: false };
  expect(refused(report, offline)).toBe(true);
  expect(refused(only(condition('Accepted', 'True', 'x'), condition('Programmed', 'False', 'x')), offline)).toBe(false);
  expect(refused(only(condition('Programmed', 'False', 'x')), { served: true })).toBe(true);
  expect(refused(only(condition('Accepted', 'Unknown', 'x')), offline)).toBe(true);
  expect(refused(only(condition('PartiallyInvalid', 'True', 'x')), offline)).toBe(true);
  expect(refused(only(condition('OverlappingTLSConfig', 'True', 'x')), offline)).toBe(false);
  expect(refused({ items: [], diagnostics: [{ ...report.diagnostics[0]!, severity: 'error' }] }, offline)).toBe(true);
  expect(refused({ items: [], diagnostics: report.diagnostics }, offline)).toBe(false);
});

test('what tenants wrote stands there as text, and moves no cursor and forges no line', async () => {
  const message = 'there is no KongPlugin \u001b[2J\u001b]0;x\u0007\nerror: forged';
  const [gateway, ...others] = report.items;
  const told = { ...gateway!, status: { conditions: [condition('Accepted', 'False', 'UnsupportedValue', message)] } };
  const diagnostic = {
    severity: 'error',
    file: 'a\u001b[1m.yaml',
    line: 1,
    object: 'o\u001b[0m',
    field: 'f\r',
    message,
  };
  const hostile: Report = { items: [told, ...others], diagnostics: [diagnostic as Report['diagnostics'][number]] };
  const view = { served: false, paint: plain, lineOf: () => 'a: "\u001b[2J"' };
  for (const output of ['table', 'wide'] as const) {
    const text = await printReport(hostile, output, view);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text).not.toMatch(/^error: forged/m);
    expect(text).toContain('KongPlugin \\x1b[2J\\x1b]0;x\\x07\\x0aerror: forged');
  }
});

test('what older CRDs lack is one line, and each of them in JSON', async () => {
  const older = (name: string) => ({
    severity: 'info' as const,
    file: '',
    line: 0,
    object: `CustomResourceDefinition//${name}.gateway.networking.k8s.io`,
    field: '',
    message: `the cluster's CRD ${name} drops spec.x without a word`,
  });
  const told = { items: [], diagnostics: [older('httproutes'), older('grpcroutes'), older('gateways')] };
  const view = { served: true, paint: plain, lineOf: () => undefined };
  const text = await printReport(told, 'table', view);
  expect(text).toBe(
    "info: the cluster's CRDs of gateway.networking.k8s.io are older than what is read here (httproutes, grpcroutes, gateways): -o json says what they lack\n\n0 objects accepted\n",
  );
  expect(JSON.parse(await printReport(told, 'json', view))).toEqual(told);
});

import type { Ask } from '../ask.ts';
import type { Case } from '../case.ts';

const MODIFIED = {
  headers: { 'X-Header-Remove': 'remove-val', 'X-Header-Add-Append': 'append-val-1', 'X-Header-Set': 'set-val' },
  arrives: {
    headers: {
      'X-Header-Add': 'header-val-1',
      'X-Header-Add-Append': 'append-val-1,header-val-2',
      'X-Header-Set': 'set-overwrites-values',
    },
    absent: ['X-Header-Remove'],
  },
};

/** One row: path, headers sent, headers seen, headers not seen. */
function modified(
  path: string,
  headers: Record<string, string>,
  seen: Record<string, string>,
  absent: string[] = [],
): Ask {
  return { path, headers, to: 'infra-backend-v1', arrives: { headers: seen, absent } };
}

const REQUEST_HEADERS: Ask[] = [
  modified(
    '/set',
    { 'Some-Other-Header': 'val' },
    { 'some-other-header': 'val', 'x-header-set': 'set-overwrites-values' },
  ),
  modified('/set', { 'X-Header-Set': 'some-other-value' }, { 'x-header-set': 'set-overwrites-values' }),
  modified(
    '/add',
    { 'Some-Other-Header': 'val' },
    { 'some-other-header': 'val', 'x-header-add': 'add-appends-values' },
  ),
  modified('/add', { 'X-Header-Add': 'some-other-value' }, { 'x-header-add': 'some-other-value,add-appends-values' }),
  modified('/remove', { 'X-Header-Remove': 'val' }, {}, ['x-header-remove']),
  modified(
    '/multiple',
    {
      'X-Header-Set-2': 'set-val-2',
      'X-Header-Add-2': 'add-val-2',
      'X-Header-Remove-2': 'remove-val-2',
      'Another-Header': 'another-header-val',
    },
    {
      'x-header-set-1': 'header-set-1',
      'x-header-set-2': 'header-set-2',
      'x-header-add-1': 'header-add-1',
      'x-header-add-2': 'add-val-2,header-add-2',
      'x-header-add-3': 'header-add-3',
      'another-header': 'another-header-val',
    },
    ['x-header-remove-1', 'x-header-remove-2'],
  ),
  modified(
    '/case-insensitivity',
    {
      'x-header-set': 'original-val-set',
      'x-header-add': 'original-val-add',
      'x-header-remove': 'original-val-remove',
    },
    { 'x-header-set': 'header-set', 'x-header-add': 'original-val-add,header-add' },
    ['x-header-remove'],
  ),
];

/** One row: path, headers that the backend answers with, headers that the client sees, and does not see. */
function answered(
  path: string,
  sets: Record<string, string>,
  headers: Record<string, string>,
  absent: string[] = [],
): Ask {
  const set = Object.entries(sets).map(([name, value]) => `${name}:${value}`);
  return {
    path,
    headers: { 'X-Echo-Set-Header': set.join(',') },
    to: 'infra-backend-v1',
    response: { headers, absent },
  };
}

const MULTIPLE = {
  'X-Header-Set-2': 'set-val-2',
  'X-Header-Add-2': 'add-val-2',
  'X-Header-Remove-2': 'remove-val-2',
  'Another-Header': 'another-header-val',
  'X-Header-Remove-1': 'val',
};
const MULTIPLE_ANSWERED = {
  'X-Header-Set-1': 'header-set-1',
  'X-Header-Set-2': 'header-set-2',
  'X-Header-Add-1': 'header-add-1',
  'X-Header-Add-2': 'add-val-2,header-add-2',
  'Another-Header': 'another-header-val',
};
const REMOVED = ['X-Header-Remove-1', 'X-Header-Remove-2'];

const RESPONSE_HEADERS: Ask[] = [
  answered(
    '/set',
    { 'Some-Other-Header': 'val' },
    { 'Some-Other-Header': 'val', 'X-Header-Set': 'set-overwrites-values' },
  ),
  answered('/set', { 'X-Header-Set': 'some-other-value' }, { 'X-Header-Set': 'set-overwrites-values' }),
  answered(
    '/add',
    { 'Some-Other-Header': 'val' },
    { 'Some-Other-Header': 'val', 'X-Header-Add': 'add-appends-values' },
  ),
  answered('/add', { 'X-Header-Add': 'some-other-value' }, { 'X-Header-Add': 'some-other-value,add-appends-values' }),
  answered('/remove', { 'X-Header-Remove': 'val' }, {}, ['X-Header-Remove']),
  answered('/multiple', MULTIPLE, { ...MULTIPLE_ANSWERED, 'X-Header-Add-3': 'header-add-3' }, REMOVED),
  answered(
    '/case-insensitivity',
    {
      'x-header-set': 'original-val-set',
      'x-header-add': 'original-val-add',
      'x-header-remove': 'original-val-remove',
      'Another-Header': 'another-header-val',
    },
    {
      'X-Header-Set': 'header-set',
      'X-Header-Add': 'original-val-add,header-add',
      'X-Lowercase-Add': 'lowercase-add',
      'X-Mixedcase-Add-1': 'mixedcase-add-1',
      'X-Mixedcase-Add-2': 'mixedcase-add-2',
      'X-Uppercase-Add': 'uppercase-add',
      'Another-Header': 'another-header-val',
    },
    ['X-Header-Remove'],
  ),
  both(),
];

function both(): Ask {
  const path = '/response-and-request-header-modifiers';
  const one = answered(
    path,
    { ...MULTIPLE, 'X-Header-Echo': 'echo' },
    { ...MULTIPLE_ANSWERED, 'X-Header-Echo': 'echo' },
    REMOVED,
  );
  return {
    ...one,
    headers: { ...one.headers, ...MODIFIED.headers, 'X-Header-Echo': 'echo' },
    arrives: { ...MODIFIED.arrives, headers: { ...MODIFIED.arrives.headers, 'x-header-echo': 'echo' } },
  };
}

/** HTTPRoute: header modifiers and rewrites. */
export const HTTP_FILTER: Case[] = [
  {
    test: 'HTTPRouteRequestHeaderModifier',
    served: ['HTTPRoute request-header-modifier'],
    asks: REQUEST_HEADERS,
  },
  {
    test: 'HTTPRouteBackendRequestHeaderModifier',
    served: ['HTTPRoute request-header-modifier'],
    asks: REQUEST_HEADERS,
  },
  {
    test: 'HTTPRouteResponseHeaderModifier',
    served: ['HTTPRoute response-header-modifier'],
    standIns: true,
    asks: RESPONSE_HEADERS,
  },
  {
    test: 'HTTPRouteRewriteHost',
    served: ['HTTPRoute rewrite-host'],
    asks: [
      { path: '/one', host: 'rewrite.example', to: 'infra-backend-v1', arrives: { host: 'one.example.org' } },
      { path: '/two', host: 'rewrite.example', to: 'infra-backend-v2', arrives: { host: 'example.org' } },
      {
        path: '/rewrite-host-and-modify-headers',
        host: 'rewrite.example',
        headers: MODIFIED.headers,
        to: 'infra-backend-v2',
        arrives: { ...MODIFIED.arrives, host: 'test.example.org' },
      },
    ],
  },
  {
    test: 'HTTPRouteBackendURLRewrite',
    served: ['HTTPRoute backend-url-rewrite'],
    asks: [
      { path: '/full/original', to: 'infra-backend-v1', arrives: { path: '/rewritten-full' } },
      { path: '/prefix/original', to: 'infra-backend-v1', arrives: { path: '/rewritten-prefix/original' } },
    ],
  },
  {
    test: 'HTTPRouteRewritePath',
    served: ['HTTPRoute rewrite-path'],
    asks: [
      ...[
        ['/prefix/one/two', '/one/two'],
        ['/strip-prefix/three', '/three'],
        ['/strip-prefix', '/'],
        ['/full/one/two', '/one'],
      ].map(([path, arrives]) => ({ path: path!, to: 'infra-backend-v1', arrives: { path: arrives! } })),
      ...[
        ['/full/rewrite-path-and-modify-headers/test', '/test'],
        ['/prefix/rewrite-path-and-modify-headers/one', '/prefix/one'],
      ].map(([path, arrives]) => ({
        path: path!,
        headers: MODIFIED.headers,
        to: 'infra-backend-v1',
        arrives: { ...MODIFIED.arrives, path: arrives! },
      })),
    ],
  },
];

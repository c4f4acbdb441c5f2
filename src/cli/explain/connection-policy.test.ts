import { expect, test } from 'vitest';
import {
  type ClientCertificateSettings,
  type ClientCertificates,
  type ConfigObject,
  type Listener,
  policyKey,
  type RouteRule,
  Snapshot,
} from '../../config/index.ts';
import type { AskedRequest } from './asked-request.ts';
import { type Explanation, explanationOf } from './explanation.ts';
import { narrative } from './narrative.ts';

const LISTENER: Listener = {
  ...{ kind: 'Listener', key: 'ns/gw/tls', gateway: 'ns/gw', name: 'tls', addresses: [], port: 443, protocol: 'HTTPS' },
  tls: { mode: 'Terminate', certificates: [] },
};
const RULE: RouteRule = {
  ...{ kind: 'RouteRule', key: 'HTTPRoute/ns/r/0', route: { kind: 'HTTPRoute', namespace: 'ns', name: 'r' } },
  ...{ index: 0, created: '', attachments: [{ listener: LISTENER.key, hostnames: ['*'] }] },
  matches: [{ path: { type: 'PathPrefix', value: '/' }, headers: [], query: [] }],
  ...{ filters: [], backends: [] },
};
const REQUEST: AskedRequest = {
  ...{ method: 'GET', scheme: 'https', host: 'a.example', serverName: 'a.example' },
  ...{ port: 443, target: '/', headers: [] },
};
const SOURCE = 'ClientTrafficPolicy/ns/people';

function certificates(more: Partial<ClientCertificateSettings>): ClientCertificates {
  const forward = { certificate: true, chain: false };
  const plain = { source: SOURCE, mode: 'Required' as const, trust: ['ConfigMap/ns/ca'], revoked: [], forward };
  const target = { kind: 'Listener', key: LISTENER.key } as const;
  const key = policyKey('ClientCertificates', LISTENER.key);
  return { kind: 'Policy', key, type: 'ClientCertificates', target, spec: { ...plain, ...more } };
}

async function explained(asked: Partial<AskedRequest>, ...more: ConfigObject[]): Promise<Explanation> {
  const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: [LISTENER, RULE, ...more], removals: [] });
  return await explanationOf({ snapshot, unserved: [] }, { ...REQUEST, ...asked });
}

test('who asks clients for certificates is named, and lets those in who show one', async () => {
  const out = await explained({}, certificates({}));
  expect(out.connectionPolicies).toMatchObject([
    { policy: SOURCE, through: 'listener ns/gw/tls', decides: true, decision: 'refuses' },
  ]);
  expect(narrative(out, (_tone, text) => text)).toContain(
    `Connections  ${SOURCE} (default, through listener ns/gw/tls): clients must show a certificate (authorities: ConfigMap/ns/ca)`,
  );
  const inside = await explained({ certificate: Buffer.from('shown') }, certificates({}));
  expect(inside.connectionPolicies).toMatchObject([{ policy: SOURCE, decision: 'passes' }]);
});

test('of a policy that can let nobody in it is told why', async () => {
  const { connectionPolicies, outcome } = await explained({}, certificates({ broken: 'no list can be read' }));
  expect(connectionPolicies).toMatchObject([{ effect: 'lets nobody in: no list can be read', decision: 'refuses' }]);
  expect(outcome).toMatchObject({ kind: 'error', reason: expect.stringContaining('no list can be read') });
});

test('whoever shows none is sent to the page that there is for it', async () => {
  const { connectionPolicies, outcome } = await explained({}, certificates({ errorPage: 'https://a.example/how' }));
  expect(outcome).toMatchObject({ status: 302 });
  expect(connectionPolicies).toMatchObject([{ policy: SOURCE, decision: 'answers', status: 302 }]);
});

test('a config that does not say whose settings are gives the settings', async () => {
  const target = { kind: 'Listener', key: LISTENER.key } as const;
  const told = await explained(
    {},
    {
      ...{ kind: 'Policy', key: policyKey('ClientTraffic', LISTENER.key), type: 'ClientTraffic', target },
      spec: { pathForm: 'Reject' },
    },
  );
  expect(told.connectionPolicies).toBeUndefined();
  expect(narrative(told, (_tone, text) => text)).toContain('Connections  pathForm Reject\n');
});

import { expect, test } from 'vitest';
import { type ClientCertificateSettings, type ConfigObject, policyKey, Snapshot } from '../../config/index.ts';
import { explanationOf } from './explanation.ts';

const LISTENER = 'default/gw/https';

function configOf(asked: Partial<ClientCertificateSettings> | undefined): Snapshot {
  const tls = { mode: 'Terminate' as const, certificates: ['default/pair'] };
  const listener = { ...{ key: LISTENER, gateway: 'default/gw', name: 'https', addresses: [], port: 443 }, tls };
  const target = { kind: 'Listener' as const, key: LISTENER };
  const spec: ClientCertificateSettings = {
    ...{ source: 'ClientTrafficPolicy/infra/clients', mode: 'Required', trust: ['ConfigMap/infra/ca'], revoked: [] },
    forward: { certificate: true, chain: false },
    ...asked,
  };
  const upserts: ConfigObject[] = [{ kind: 'Listener', protocol: 'HTTPS', ...listener }];
  const key = policyKey('ClientCertificates', LISTENER);
  if (asked !== undefined) upserts.push({ kind: 'Policy', type: 'ClientCertificates', key, target, spec });
  return Snapshot.EMPTY.apply({ version: 1, upserts, removals: [] });
}

async function reason(asked?: Partial<ClientCertificateSettings>, certificate?: Buffer): Promise<string> {
  const request = {
    ...{ method: 'GET', scheme: 'https' as const, host: 'a.example', serverName: 'a.example', port: 443, target: '/' },
    ...{ headers: [], grpc: false, ...(certificate && { certificate }) },
  };
  const known = { snapshot: configOf(asked), unserved: [], refused: [] };
  return (await explanationOf(known as never, request as never)).outcome.reason;
}

test('who shows no certificate where one is asked for is told so, and by whom', async () => {
  const failing = /^ClientTrafficPolicy infra\/clients asks for a client certificate .*: the TLS handshake fails$/;
  expect(await reason({})).toMatch(failing);
  for (const other of [reason(), reason({ mode: 'Optional' }), reason({}, Buffer.from('x'))]) {
    expect(await other).not.toMatch(/certificate/);
  }
  expect(await reason({ broken: 'why' }, Buffer.from('x'))).toBe(
    'ClientTrafficPolicy infra/clients lets nobody in: why',
  );
});

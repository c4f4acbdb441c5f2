/** What TLS speaks, by the profile of a ClientTrafficPolicy, seen by the scanners of others. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findTool, run } from '../protocols/tool.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority } from './authority.ts';

const PORTS = { Intermediate: 443, Modern: 8443, Old: 9443 };
const NAME = 'a.example';
const SCAN = 600_000;

const openssl = findTool('openssl', 'openssl');
const sslyze = findTool('sslyze', 'pip install sslyze', ['/opt/daemun-tools/sslyze/bin']);
const testssl = findTool('testssl', 'testssl.sh');
let folder: string;
let rig: Rig;

function listener(name: string, port: number, ...certificates: string[]): object {
  const certificateRefs = certificates.map((certificate) => ({ name: certificate }));
  return { name, port, protocol: 'HTTPS', hostname: NAME, tls: { certificateRefs } };
}

function policy(tlsProfile: string, sectionName: string): object {
  const target = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw', sectionName };
  return {
    apiVersion: 'policies.daemun.dev/v1alpha1',
    kind: 'ClientTrafficPolicy',
    metadata: { name: sectionName },
    spec: { targetRefs: [target], tlsProfile },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-profile-'));
  const [ecdsa, rsa] = await Promise.all([Authority.make('ecdsa'), Authority.make('rsa', { rsa: true })]);
  rig = await serveManifests(
    manifests(
      [
        listener('usual', PORTS.Intermediate, 'ecdsa', 'rsa'),
        listener('modern', PORTS.Modern, 'ecdsa'),
        listener('old', PORTS.Old, 'rsa'),
        // Of the same port, and the usual profile.
        { ...listener('beside', PORTS.Modern, 'ecdsa'), hostname: 'beside.example' },
      ],
      policy('Modern', 'modern'),
      policy('Old', 'old'),
      tlsSecret('ecdsa', await ecdsa.sign({ dns: [NAME] })),
      tlsSecret('rsa', await rsa.sign({ dns: [NAME], rsa: true })),
      httpRoute('all', [backendRefs('one')]),
      service('one'),
    ),
    { echo: true, ports: Object.values(PORTS) },
  );
});
afterAll(async () => {
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each<[keyof typeof PORTS, string, tls.SecureVersion, boolean]>([
  ['Modern', NAME, 'TLSv1.2', false],
  ['Modern', NAME, 'TLSv1.3', true],
  ['Modern', 'beside.example', 'TLSv1.2', true],
  ['Intermediate', NAME, 'TLSv1.1', false],
  ['Intermediate', NAME, 'TLSv1.2', true],
  ['Old', NAME, 'TLSv1', true],
  ['Old', NAME, 'TLSv1.1', true],
  ['Old', NAME, 'TLSv1.3', true],
])('on the port of %s, the listener of %s speaks %s: %s', async (profile, servername, version, spoken) => {
  const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0', servername };
  const client = rawTlsClient(rig.port(PORTS[profile]), options);
  if (!spoken) return expect(client).rejects.toThrow();
  expect(((await client).socket as tls.TLSSocket).getProtocol()).toBe(version);
  (await client).close();
});

test.each<[what: string, spoken: boolean, options: tls.ConnectionOptions]>([
  ['the curve P-521', false, { ecdhCurve: 'P-521' }],
  ['the curve P-256', true, { ecdhCurve: 'P-256' }],
  ['the curve X25519', true, { ecdhCurve: 'X25519' }],
  ['signatures with SHA-224', false, { sigalgs: 'RSA+SHA224:ECDSA+SHA224', maxVersion: 'TLSv1.2' }],
  ['signatures with SHA-256', true, { sigalgs: 'RSA+SHA256:ECDSA+SHA256', maxVersion: 'TLSv1.2' }],
])('by default, %s: %s', async (_, spoken, options) => {
  const ciphers = 'DEFAULT@SECLEVEL=0';
  const client = rawTlsClient(rig.port(PORTS.Intermediate), { servername: NAME, ciphers, ...options });
  if (!spoken) return expect(client).rejects.toThrow();
  (await client).close();
});

test.runIf(openssl)('the first renegotiation is refused, and the connection goes on', async () => {
  const to = `127.0.0.1:${rig.port(PORTS.Intermediate)}`;
  const client = spawn(openssl!, ['s_client', '-connect', to, '-servername', NAME, '-tls1_2', '-state']);
  let said = '';
  const waiting: Array<() => void> = [];
  for (const stream of [client.stdout, client.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      for (const look of waiting.splice(0)) look();
    });
  }
  const heard = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(said)) await new Promise<void>((look) => waiting.push(look));
  };
  await heard(/Verify return code/);
  client.stdin.write('R\n');
  await heard(/alert read:warning:no renegotiation/);
  client.kill();
});

describe.runIf(sslyze)('sslyze', () => {
  test.each(Object.entries(PORTS))(
    'finds the profile %s as Mozilla has it',
    async (profile, port) => {
      const to = `${NAME}:${rig.port(port)}{127.0.0.1}`;
      const flags = [`--mozilla_config=${profile.toLowerCase()}`, '--sni', NAME, '--reneg', '--resum'];
      const { stdout } = await run(sslyze!, [...flags, to], { timeout: SCAN });
      const [, verdict] = stdout.split('COMPLIANCE AGAINST');
      // Its authority is that of this test.
      const findings = [...verdict!.matchAll(/^ +\* (\w+):.*/gm)].map(([line, id]) => [id, line]);
      expect(findings).toEqual([['certificate_path_validation', expect.stringContaining('validation failed')]]);
      expect(stdout).toMatch(/Client Renegotiation DoS Attack:\s+OK - Not vulnerable/);
    },
    SCAN,
  );
});

describe.runIf(testssl)('testssl.sh', () => {
  interface Finding {
    id: string;
    severity: string;
    finding: string;
  }

  test(
    'finds nothing above LOW',
    async () => {
      const file = join(folder, 'findings.json');
      // Protocols, suites, forward secrecy, preferences and vulnerabilities; the certificates are a test's.
      const sections = ['-p', '-s', '-f', '-P', '-U'];
      const flags = ['--quiet', '--color', '0', '--nodns', 'none', '--ip', '127.0.0.1', '--jsonfile', file];
      const to = `${NAME}:${rig.port(PORTS.Intermediate)}`;
      await run(testssl!, [...sections, ...flags, to], { timeout: SCAN });
      const findings = JSON.parse(readFileSync(file, 'utf8')) as Finding[];
      expect(findings.length).toBeGreaterThan(40);
      // That this machine's OpenSSL has no engine for GOST says nothing of us.
      const ours = findings.filter(({ id }) => id !== 'engine_problem');
      expect(ours.filter(({ severity }) => !['OK', 'INFO', 'LOW'].includes(severity))).toEqual([]);
    },
    SCAN,
  );
});

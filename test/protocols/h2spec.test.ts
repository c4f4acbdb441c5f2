/** h2spec, whole and strict, against a served gateway. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { goProgram, run } from './tool.ts';

const h2spec = goProgram('github.com/summerwind/h2spec/cmd/h2spec@latest');

describe.runIf(h2spec)('h2spec', () => {
  let rig: Rig;

  beforeAll(async () => {
    const pair = await demoCertificate(['h2spec.example.com']);
    const manifests = [
      gateway([
        { name: 'http', port: 80, protocol: 'HTTP' },
        { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
      ]),
      `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`,
      route('HTTPRoute', 'all', { rules: [{ backendRefs: [{ name: 'one', port: 80 }] }] }),
      service('one', 80),
    ];
    rig = await serveManifests(manifests.join(''), { ports: [80, 443], echo: true });
  });
  afterAll(() => rig.close());

  test.each([
    ['h2c', 80, []],
    ['TLS', 443, ['--tls', '--insecure']],
  ])('has nothing to object over %s', { timeout: 300_000 }, async (_, port, flags) => {
    const args = ['--host', '127.0.0.1', '--port', String(rig.port(port)), '--strict', '--timeout', '2', ...flags];
    const { stdout, stderr } = await run(h2spec!, args, { timeout: 280_000 });
    const [, total, passed, skipped, failed] =
      /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(stdout)?.map(Number) ?? [];
    const failures = stdout.slice(stdout.indexOf('Failures:'));
    expect({ skipped, failed, text: failed === 0 ? '' : failures + stderr }).toEqual({
      skipped: 0,
      failed: 0,
      text: '',
    });
    expect(passed).toBe(total);
    expect(total).toBeGreaterThan(140);
  });
});

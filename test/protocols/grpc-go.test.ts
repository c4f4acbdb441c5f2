/** gRPC through a GRPCRoute with the client of Go, built from go/. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { rawImplementation } from './raw-implementation.ts';
import { type RawServer, serveRaw } from './raw-service.ts';
import { findTool, run, succeed } from './tool.ts';

const SOURCE = fileURLToPath(new URL('go', import.meta.url));
/** The first build compiles gRPC. */
const BUILD_TIMEOUT = 300_000;

const go = findTool('go', 'golang');
let folder: string;
let client: string | undefined;
let backend: RawServer;
let rig: Rig;

beforeAll(async () => {
  if (go === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'daemun-grpc-go-'));
  const program = join(folder, 'client');
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const built = await run(go, ['build', '-o', program, '.'], { cwd: SOURCE, env, timeout: BUILD_TIMEOUT });
  if (built.code === 0) client = program;
  else console.log(`the client in Go cannot be built, so that its tests do not run:\n${built.stderr}`);
  const pair = await demoCertificate(['grpc.example.com']);
  writeFileSync(join(folder, 'ca.pem'), pair.certificate);
  backend = await serveRaw({ 'raw.Echo': rawImplementation('one') });
  const manifests = [
    gateway([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
    ]),
    `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`,
    route('GRPCRoute', 'echo', {
      hostnames: ['grpc.example.com'],
      rules: ['raw.Echo', 'grpc.health.v1.Health'].map((name) => ({
        matches: [{ method: { service: name } }],
        backendRefs: [{ name: 'one', port: 50 }],
      })),
    }),
    service('one', 50),
  ];
  const endpoints = [`default/one:50=${backend.target}`];
  rig = await serveManifests(manifests.join(''), { ports: [80, 443], endpoints });
}, BUILD_TIMEOUT);

afterAll(async () => {
  if (go === undefined) return;
  backend.close();
  await rig.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(go)('gRPC for Go', () => {
  test.each(['h2c', 'TLS'])('all shapes, statuses, deadlines and health checks over %s', async (how) => {
    const [port, flags] = how === 'TLS' ? [rig.port(443), [join(folder, 'ca.pem')]] : [rig.port(), []];
    if (client === undefined) return;
    const { stdout } = await succeed(client, [`127.0.0.1:${port}`, 'grpc.example.com', ...flags]);
    expect(JSON.parse(stdout)).toEqual({
      unary: 'ping',
      server: '[one]',
      trailer: '[after]',
      failure: 'FailedPrecondition: not now: é',
      deadline: 'DeadlineExceeded',
      noRoute: 'Unimplemented',
      uploaded: '4194304',
      downloaded: 4_194_304,
      talk: 'abbccc',
      health: 'SERVING OK',
    });
  });
});

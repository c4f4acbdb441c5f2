/** The interoperability cases of gRPC, with the client and the server of gRPC for Go, over h2c and TLS. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { freePort } from '../cli/daemun-process.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { goProgram, succeed } from './tool.ts';

const VERSION = 'v1.75.0';
const HOST = 'grpc.example.com';
/**
 * All but ten, which fail with this client and this server without a gateway, too: compute_engine_creds,
 * service_account_creds, jwt_token_creds, per_rpc_creds, oauth2_auth_token, google_default_credentials and
 * compute_engine_channel_credentials ask Google for a token and want the server to name the account; pick_first_unary wants
 * the server to name itself, orca_per_rpc and orca_oob to tell its load, and gRPC's server for Go does neither.
 */
const CASES = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
];
/** The first build compiles gRPC. */
const BUILD_TIMEOUT = 480_000;

const client = goProgram(`google.golang.org/grpc/interop/client@${VERSION}`, 'grpc-interop');
const program = goProgram(`google.golang.org/grpc/interop/server@${VERSION}`, 'grpc-interop');
let server: ChildProcess;
let folder: string;
let rig: Rig;

async function answers(port: number): Promise<void> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}

beforeAll(async () => {
  if (client === undefined || program === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'daemun-interop-'));
  const pair = await demoCertificate([HOST]);
  writeFileSync(join(folder, 'ca.pem'), pair.certificate);
  const port = await freePort();
  server = spawn(program, [`-port=${port}`], { stdio: 'ignore' });
  await vi.waitFor(() => answers(port), 20_000);
  const manifests = [
    gateway([
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'pair' }] } },
    ]),
    `---\n${tlsSecret({ namespace: 'default', name: 'pair' }, pair)}\n`,
    route('GRPCRoute', 'interop', { rules: [{ backendRefs: [{ name: 'interop', port: 50 }] }] }),
    service('interop', 50),
  ];
  const endpoints = [`default/interop:50=127.0.0.1:${port}`];
  rig = await serveManifests(manifests.join(''), { ports: [80, 443], endpoints });
}, BUILD_TIMEOUT);

afterAll(async () => {
  if (rig === undefined) return;
  await rig.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(client !== undefined && program !== undefined)('gRPC interoperability', () => {
  test.each(['h2c', 'TLS'])('every case passes over %s', async (how) => {
    const to = ['-server_host=127.0.0.1', `-server_port=${rig.port(how === 'TLS' ? 443 : 80)}`];
    const tls = ['-use_tls', '-use_test_ca', `-ca_file=${join(folder, 'ca.pem')}`, `-server_host_override=${HOST}`];
    for (const name of CASES) {
      const { stderr } = await succeed(client!, [...to, ...(how === 'TLS' ? tls : []), `-test_case=${name}`], {
        timeout: 20_000,
      });
      expect(stderr, name).not.toMatch(/fatal|panic/i);
    }
  });
});

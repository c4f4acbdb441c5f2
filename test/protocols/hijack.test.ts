/** Clients that turn a request into a connection of their own: `docker exec` and `attach`, and `kubectl exec`. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { findTool, run, succeed } from './tool.ts';

const docker = findTool('docker', 'docker.io');
const kubectl = findTool('kubectl', 'kubernetes-client');

let rig: Rig;
const servers: http.Server[] = [];
const asked: string[] = [];

/** Docker's frames: which stream, and how long. */
function frameOf(stream: 1 | 2, bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

/** What is said to a container comes back in capitals. */
function hijack(socket: Socket): void {
  // Node's own, which would answer an end with an end.
  for (const event of ['data', 'end']) socket.removeAllListeners(event);
  socket.write(
    'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  );
  socket.on('data', (bytes: Buffer) => socket.write(frameOf(1, Buffer.from(bytes.latin1Slice().toUpperCase()))));
  socket.on('end', () => socket.end(frameOf(2, Buffer.from('the end\n'))));
  socket.on('error', () => {});
}

/** As much of Docker's API as the two commands ask for. */
function dockerApi(): http.Server {
  const container = { Id: 'c1', Name: '/c', Config: { Tty: false, OpenStdin: true }, State: { Running: true } };
  const server = http.createServer(async (request, response) => {
    const path = request.url!.replace(/^\/v[\d.]+/, '');
    const body = await text(request);
    const json = (answer: object): void => void response.end(JSON.stringify(answer));
    response.setHeader('Content-Type', 'application/json').setHeader('Api-Version', '1.47');
    if (path === '/_ping') response.end('OK');
    else if (path === '/containers/c/json') json(container);
    else if (path === '/containers/c/exec') json({ Id: 'e1' });
    else if (path === '/exec/e1/json') json({ ID: 'e1', Running: false, ExitCode: 3 });
    else if (path.startsWith('/containers/c/wait')) json({ StatusCode: 0 });
    else if (path === '/exec/e1/start' || path.startsWith('/containers/c/attach')) {
      asked.push(`${path.split('?')[0]} ${request.headers.upgrade} ${body}`.trim());
      response.detachSocket(request.socket);
      hijack(request.socket);
    } else response.writeHead(404).end('{}');
  });
  return server;
}

/** As much of Kubernetes' API as `kubectl exec` asks for. */
function kubernetesApi(): http.Server {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'one' }] },
    status: { phase: 'Running' },
  };
  const pods = { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get'] };
  const answers: Record<string, object> = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
    '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources: [pods] },
    '/api/v1/namespaces/default/pods/p': pod,
  };
  const server = http.createServer((request, response) => {
    const answer = answers[request.url!.split('?')[0]!];
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0]! });
  sockets.on('connection', (socket, request) => {
    asked.push(`${request.method} ${socket.protocol}`);
    socket.on('message', (message: Buffer) => {
      if (message[0] === 0) socket.send(Buffer.from(`\x01${message.toString('utf8', 1).toUpperCase()}`));
      if (message[0] !== 255) return;
      socket.send(Buffer.from('\x03{"kind":"Status","apiVersion":"v1","status":"Success"}'));
      socket.close(1000);
    });
  });
  return server;
}

beforeAll(async () => {
  servers.push(dockerApi(), kubernetesApi());
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [one, other] = servers.map((server) => (server.address() as AddressInfo).port);
  const manifests = [
    gateway([
      { name: 'docker', port: 2375, protocol: 'HTTP' },
      { name: 'kubernetes', port: 6443, protocol: 'HTTP' },
    ]),
    route('HTTPRoute', 'docker', {
      on: 'docker',
      rules: [{ backendRefs: [{ name: 'docker', port: 80 }] }],
    }),
    route('HTTPRoute', 'kubernetes', {
      on: 'kubernetes',
      rules: [{ backendRefs: [{ name: 'kubernetes', port: 80 }] }],
    }),
    service('docker', 80),
    service('kubernetes', 80),
  ];
  rig = await serveManifests(manifests.join(''), {
    ports: [2375, 6443],
    endpoints: [`default/docker:80=127.0.0.1:${one}`, `default/kubernetes:80=127.0.0.1:${other}`],
  });
});

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rig.close();
});

describe.runIf(docker)('docker -H', () => {
  const env = { ...process.env, DOCKER_CONFIG: '/nonexistent', DOCKER_API_VERSION: '1.47' };
  const host = (): string => `tcp://127.0.0.1:${rig.port(2375)}`;

  test('exec has its body, and then what both sides say', async () => {
    asked.length = 0;
    const done = await run(docker!, ['-H', host(), 'exec', '-i', 'c', 'cat'], { input: 'hello\n', env });
    expect(done).toMatchObject({ stdout: 'HELLO\n', stderr: 'the end\n', code: 3 });
    expect(asked).toEqual([expect.stringMatching(/^\/exec\/e1\/start tcp \{"Detach":false,/)]);
  });

  test('attach has none', async () => {
    asked.length = 0;
    const done = await run(docker!, ['-H', host(), 'attach', '--sig-proxy=false', 'c'], { input: 'hello\n', env });
    expect(done).toMatchObject({ stdout: 'HELLO\n', stderr: 'the end\n' });
    expect(asked).toEqual(['/containers/c/attach tcp']);
  });
});

test.runIf(kubectl)('kubectl exec over a WebSocket', async () => {
  asked.length = 0;
  const line = [
    '--kubeconfig=/dev/null',
    `--server=http://127.0.0.1:${rig.port(6443)}`,
    'exec',
    '-i',
    'p',
    '--',
    'cat',
  ];
  const done = await succeed(kubectl!, line, { input: 'hello\n', env: { ...process.env, HOME: '/nonexistent' } });
  expect(done.stdout).toBe('HELLO\n');
  expect(asked).toEqual(['GET v5.channel.k8s.io']);
});

/** Sockets that a service manager opened: what is given is served from, and clients wait in it while the run is away. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findTool, run } from '../protocols/tool.ts';
import { ask } from './client.ts';
import { DaemunProcess, type ServedListener } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const UNITS = ['daemun.socket', 'daemun.service'].map((name) =>
  fileURLToPath(new URL(`../../packaging/${name}`, import.meta.url)),
);
const [CLASS] = GATEWAY.split('---\n');
const SHOP = documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }));

/**
 * Opens sockets as systemd does, tells their ports on a line, and starts the command that it is told on each line of its
 * input, with descriptors from 3 on. So the sockets outlive a run.
 */
const MANAGER = `
import json, os, socket, sys
sockets = []
for family, kind, host in json.loads(sys.argv[1]):
    one = socket.socket(getattr(socket, family), getattr(socket, kind))
    one.bind(host if family == 'AF_UNIX' else (host, 0))
    if kind == 'SOCK_STREAM': one.listen(16)
    sockets.append(one)
print(json.dumps([one.getsockname()[1] if one.family != socket.AF_UNIX else 0 for one in sockets]), flush=True)
for line in iter(sys.stdin.readline, ''):
    pid = os.fork()
    if pid == 0:
        high = [os.dup(one.fileno()) for one in sockets]
        base = max(high) + 1
        high = [os.dup2(fd, base + at) for at, fd in enumerate(high)]
        for at, fd in enumerate(high): os.dup2(fd, 3 + at, inheritable=True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=sys.argv[2])
        command = json.loads(line)
        os.execv(command[0], command)
    _, status = os.waitpid(pid, 0)
    print('ended', os.waitstatus_to_exitcode(status), file=sys.stderr, flush=True)
`;

/** A stand-in for systemd, and what its runs say. */
class Manager extends DaemunProcess {
  static async open(
    sockets: Array<[string, string, string]>,
    names: string,
  ): Promise<{ manager: Manager; ports: number[] }> {
    const manager = new Manager([], ['python3', '-c', MANAGER, JSON.stringify(sockets), names]);
    const line = await manager.until(() => /^\[.*\]$/m.exec(manager.stdout)?.[0]);
    return { manager, ports: JSON.parse(line) as number[] };
  }

  start(args: string[]): void {
    const entry = fileURLToPath(new URL('../../bin/daemun.js', import.meta.url));
    this.child.stdin!.write(`${JSON.stringify([process.execPath, entry, ...args])}\n`);
  }

  async serving(after = 0): Promise<ServedListener[]> {
    const { listeners } = (await this.logged('serving', after)) as unknown as { listeners: ServedListener[] };
    return listeners;
  }

  /** Ends what runs, and waits until it has. */
  async stopRun(): Promise<void> {
    const before = this.stderr.length;
    const pid = this.records().findLast(({ msg }) => msg === 'worker started')!.pid as number;
    const { stdout } = await run('ps', ['-o', 'ppid=', '-p', String(pid)]);
    process.kill(Number(stdout), 'SIGTERM');
    await this.until(() => (this.stderr.includes('ended 0', before) ? true : undefined));
  }
}

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let manager: Manager | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-activation-'));
});
afterEach(async () => {
  if (manager?.records().some(({ msg }) => msg === 'worker started') && !manager.stderr.endsWith('ended 0\n')) {
    await manager.stopRun();
  }
  manager?.child.stdin?.end();
  await manager?.finished;
  manager = undefined;
  rmSync(folder, { recursive: true });
});

function flags(more: string[] = []): string[] {
  return ['run', folder, '--admin', 'off', '--echo-backends', '--log-format', 'json', '--log-level', 'info', ...more];
}

function write(listeners: Array<Record<string, unknown>>, more = ''): void {
  writeFileSync(join(folder, 'all.yaml'), `${CLASS}---\n${documents(gateway(listeners))}---\n${SHOP}${more}`);
}

const LOOPBACK: [string, string, string] = ['AF_INET', 'SOCK_STREAM', '127.0.0.1'];

test.each([1, 2])(
  'with --workers %i listeners have the sockets of their ports, and open no others there',
  async (workers) => {
    const opened = await Manager.open([LOOPBACK, ['AF_INET6', 'SOCK_STREAM', '::1'], LOOPBACK], 'web:web6:spare');
    manager = opened.manager;
    const [four, six, spare] = opened.ports;
    write([
      { name: 'four', port: 80, protocol: 'HTTP' },
      { name: 'six', port: 81, protocol: 'HTTP' },
    ]);
    manager.start(flags(['--port-map', `80=${four},81=${six}`, '--workers', String(workers)]));
    const listeners = await manager.serving();
    expect(listeners.map(({ bound }) => bound)).toEqual([[`127.0.0.1:${four}`], [`[::1]:${six}`]]);
    for (let i = 0; i < 8; i++) expect((await ask({ port: four! })).headers['x-echo-service']).toBe('shop/cart');
    const { msg } = await manager.logged('socket spare');
    expect(msg).toBe(`socket spare (127.0.0.1:${spare}, TCP) is not used: no listener has it`);
  },
);

test('who comes while nothing runs is answered by the next run', async () => {
  const opened = await Manager.open([LOOPBACK], 'web');
  manager = opened.manager;
  const [port] = opened.ports;
  write([{ name: 'http', port: 80, protocol: 'HTTP' }]);
  const early = ask({ port: port! });
  manager.start(flags(['--port-map', `80=${port}`]));
  expect((await early).status).toBe(200);
  await manager.serving();
  const before = manager.records().length;
  await manager.stopRun();
  const between = ask({ port: port! });
  manager.start(flags(['--port-map', `80=${port}`]));
  expect((await between).status).toBe(200);
  await manager.serving(before);
});

test('a socket outlives its listener: who comes is reset, and the next listener of its port has it', async () => {
  const opened = await Manager.open([LOOPBACK], 'web');
  manager = opened.manager;
  const [port] = opened.ports;
  const http = { name: 'http', port: 80, protocol: 'HTTP' };
  const other = { name: 'other', port: 82, protocol: 'HTTP' };
  write([http]);
  manager.start(flags(['--port-map', `80=${port},82=0`, '--bind', '127.0.0.1']));
  await manager.serving();
  for (let round = 0; round < 2; round++) {
    expect((await ask({ port: port! })).status).toBe(200);
    let seen = manager.records().length;
    write([other]);
    await manager.logged('config applied', seen);
    const refused = connect(port!, '127.0.0.1');
    const [error] = (await once(refused.resume(), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    seen = manager.records().length;
    write([http]);
    await manager.logged('config applied', seen);
  }
  expect((await ask({ port: port! })).status).toBe(200);
});

test('a worker that crashes has its sockets again', async () => {
  const opened = await Manager.open([LOOPBACK], 'web');
  manager = opened.manager;
  const [port] = opened.ports;
  write([{ name: 'http', port: 80, protocol: 'HTTP' }]);
  manager.start(flags(['--port-map', `80=${port}`]));
  await manager.serving();
  process.kill((await manager.logged('worker started')).pid as number, 'SIGKILL');
  await manager.logged('worker crashed');
  expect((await ask({ port: port! })).status).toBe(200);
});

describe('datagrams', () => {
  const dns = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'UDPRoute',
    metadata: { name: 'dns', namespace: 'shop' },
    spec: { parentRefs: [{ name: 'edge', sectionName: 'dns' }], rules: [{ backendRefs: [{ name: 'dns', port: 53 }] }] },
  };
  const spec = { ports: [{ port: 53, protocol: 'UDP' }] };
  const objects = documents(dns, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'dns', namespace: 'shop' },
    spec,
  });
  const udp = { name: 'dns', port: 53, protocol: 'UDP' };

  async function echoed(port: number): Promise<string> {
    const socket = createSocket('udp4');
    socket.send('hello', port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    socket.close();
    return answer.toString();
  }

  test('are served, and again after their listener was gone', async () => {
    const opened = await Manager.open([['AF_INET', 'SOCK_DGRAM', '127.0.0.1']], 'dns');
    manager = opened.manager;
    const [port] = opened.ports;
    write([udp], `---\n${objects}`);
    manager.start(flags(['--port-map', `53=${port},82=0`, '--bind', '127.0.0.1', '--drain-timeout', '0s']));
    expect((await manager.serving()).map(({ bound }) => bound)).toEqual([[`127.0.0.1:${port}`]]);
    expect(await echoed(port!)).toBe('hello');
    for (const listener of [{ name: 'other', port: 82, protocol: 'HTTP' }, udp]) {
      const seen = manager.records().length;
      write([listener], `---\n${objects}`);
      await manager.logged('config applied', seen);
    }
    expect(await echoed(port!)).toBe('hello');
  });

  test('cannot be shared by workers, which is told; nor is what listens for neither', async () => {
    const opened = await Manager.open(
      [
        ['AF_INET', 'SOCK_DGRAM', '127.0.0.1'],
        ['AF_UNIX', 'SOCK_STREAM', join(folder, 'unix')],
      ],
      'dns:local',
    );
    manager = opened.manager;
    const [port] = opened.ports;
    write([{ name: 'http', port: 80, protocol: 'HTTP' }]);
    manager.start(flags(['--port-map', `80=${port}`, '--workers', '2', '--bind', '127.0.0.1']));
    const { msg } = await manager.logged('socket dns');
    expect(msg).toBe(`socket dns (127.0.0.1:${port}, UDP) is not used: several workers cannot share it`);
    expect((await manager.logged('socket local')).msg).toBe(
      'socket local (descriptor 4) is none that listens for TCP or UDP: it is not used',
    );
    await manager.serving();
  });
});

test('the units are such as systemd reads without complaint', async () => {
  const analyze = findTool('systemd-analyze', 'systemd');
  if (analyze === undefined) return;
  const { stderr } = await run(analyze, ['verify', '--man=no', ...UNITS]);
  expect(stderr.split('\n').filter((line) => line.includes('daemun'))).toEqual([]);
});

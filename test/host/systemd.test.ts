/** The service under a systemd of its own, by the commands of the guide. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { documents, GATEWAY, route, service } from '../cli/manifest.ts';
import { run } from '../protocols/tool.ts';
import { linesFor } from './guide.ts';
import { Podman } from './podman.ts';

const NAME = 'daemun-systemd';
const IMAGE = 'docker.io/library/node:26-bookworm-slim';
const ASK = 'curl -s -o /dev/null -w "%{http_code}" -H "Host: shop.example.com"';

let folder: string;
let podman: Podman;
const inside = (line: string): Promise<string> => podman.inside(NAME, line);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-systemd-'));
  podman = new Podman(folder);
  const { code, stdout, stderr } = await run('npm', ['pack', '--silent', '--pack-destination', folder], {
    timeout: 300_000,
  });
  expect(code, stderr).toBe(0);
  const archive = stdout.trim().split('\n').at(-1)!;
  const objects = [service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' })];
  mkdirSync(join(folder, 'etc'));
  writeFileSync(join(folder, 'etc/all.yaml'), `${GATEWAY}---\n${documents(...objects)}`);
  // Its dependencies come over the network; what follows has none but its own.
  await podman.ask('run', '--detach', '--name', NAME, '--network', 'host', IMAGE, 'sleep', 'infinity');
  await podman.ask('cp', join(folder, archive), `${NAME}:/opt/daemun.tgz`);
  await inside('npm install --global --no-audit --no-fund /opt/daemun.tgz && mkdir /opt/packaging /etc/daemun');
  for (const unit of ['daemun.service', 'daemun.socket'])
    await podman.ask('cp', join('packaging', unit), `${NAME}:/opt/packaging/${unit}`);
  await podman.ask('cp', join(folder, 'etc/all.yaml'), `${NAME}:/etc/daemun/all.yaml`);
  await podman.ask('commit', NAME, 'localhost/daemun-systemd');
  await podman.remove(NAME);
  const boot = [
    '--systemd=always',
    '--privileged',
    '--network',
    'none',
    'localhost/daemun-systemd',
    '/lib/systemd/systemd',
  ];
  await podman.ask('run', '--detach', '--name', NAME, ...boot);
});

afterAll(async () => {
  await podman.remove(NAME);
  rmSync(folder, { recursive: true, force: true });
});

test('systemd opens the ports, starts it, and no request is refused while it restarts', async () => {
  const [flags, ...commands] = linesFor('test/host/systemd.test.ts');
  expect(flags).toMatch(/^DAEMUN_FLAGS=/);
  expect(commands.join('\n')).toContain('systemctl enable --now');
  await expect.poll(() => inside('systemctl is-system-running || true')).toMatch(/running|degraded/);
  await inside(`cat >/etc/default/daemun <<'END'\n${flags}\nEND`);
  for (const command of commands) await inside(`cd /opt && ${command}`);
  expect(await inside('systemctl is-active daemun.socket daemun.service')).toBe('active\nactive');
  expect(await inside('systemctl status daemun')).toContain('listeners serve');
  // A route without endpoints: it is the gateway that answers.
  expect(await inside(`${ASK} http://127.0.0.1/`)).toBe('503');
  // It is written a moment later.
  await expect.poll(() => inside('cat /var/log/daemun/access.log')).toContain('"GET / HTTP/1.1" 503');
  // Another user than root, made for it, that may write nowhere else.
  expect(await inside('ps -o user= -p $(systemctl show --value -p MainPID daemun)')).not.toBe('root');
  const load = inside(`for i in $(seq 60); do ${ASK} http://127.0.0.1/; echo; sleep 0.05; done`);
  await inside('systemctl restart daemun');
  expect(new Set((await load).split('\n'))).toEqual(new Set(['503']));
  await inside('systemctl reload daemun && systemctl stop daemun');
  expect(await inside('journalctl -u daemun --no-pager')).toContain('drained');
});

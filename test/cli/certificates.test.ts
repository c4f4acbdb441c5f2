/** `--certificate`: TLS with certificates from files, as an operator who has no Secrets at hand uses it. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Authority, type Pair } from '../tls/authority.ts';
import { askAdmin } from './client.ts';
import { daemun, ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, gateway, route, service } from './manifest.ts';

const HTTPS = { name: 'https', port: 443, protocol: 'HTTPS' };
const NO_SUCH_SECRET = { mode: 'Terminate', certificateRefs: [{ name: 'not-here' }] };

let authority: Authority;
let folder: string;
let running: ServingProcess | undefined;

beforeAll(async () => {
  authority = await Authority.make('files');
  folder = mkdtempSync(join(tmpdir(), 'daemun-certificates-'));
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function manifests(...listeners: Array<Record<string, unknown>>): Record<string, string> {
  const [gatewayClass] = GATEWAY.split('---\n');
  const others = [
    gateway(listeners),
    service('cart'),
    route('shop', { hostname: 'shop.example.com', backend: 'cart' }),
  ];
  return { 'all.yaml': `${gatewayClass}---\n${documents(...others)}` };
}

/** Writes a pair; the flag's value for it. */
function put(name: string, pair: Pair, host = ''): string {
  writeFileSync(join(folder, `${name}.pem`), pair.certificate);
  writeFileSync(join(folder, `${name}.key`), pair.privateKey);
  return `${host === '' ? '' : `${host}=`}${join(folder, `${name}.pem`)},${join(folder, `${name}.key`)}`;
}

async function serve(files: Record<string, string>, ...certificates: string[]): Promise<number> {
  const flags = certificates.flatMap((one) => ['--certificate', one]);
  running = await ServingProcess.start(files, ['--port-map', '80=0,443=0', '--echo-backends', ...flags]);
  return running.port;
}

/** The common name that a client of this server name is shown. */
async function shown(port: number, servername: string, options: ConnectionOptions = {}): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ca: authority.certificate, ...options });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

async function untilShown(port: number, name: string): Promise<void> {
  for (;;) if ((await shown(port, 'shop.example.com')) === name) return;
}

test('it stands in for a Secret that does not exist, and is followed as it is renewed', async () => {
  const flag = put('renewed', await authority.sign({ name: 'first', dns: ['shop.example.com'] }), 'shop.example.com');
  const listener = { ...HTTPS, hostname: 'shop.example.com', tls: NO_SUCH_SECRET };
  const port = await serve(manifests(listener), flag);
  expect(await shown(port, 'shop.example.com')).toBe('first');
  put('renewed', await authority.sign({ name: 'second', dns: ['shop.example.com'] }));
  await untilShown(port, 'second');
  writeFileSync(join(folder, 'renewed.pem'), 'not a certificate');
  const { message } = (await running!.until(() =>
    running!.records().find(({ msg }) => msg.includes('renewed.pem holds no PEM certificate')),
  )) as { message?: string; msg: string };
  expect(message).toBeUndefined();
  expect(await shown(port, 'shop.example.com')).toBe('second');
  const { body } = await askAdmin(running!.admin, '/status');
  expect(body).toContain('renewed.pem holds no PEM certificate: the last good certificate stays in service');
});

test('listeners take what is for their hostname: exact, wildcard, any', async () => {
  const shop = put('shop', await authority.sign({ name: 'shop', dns: ['shop.example.com'] }));
  const wild = put('wild', await authority.sign({ name: 'wild', dns: ['*.example.net'] }), '*.example.net');
  const port = await serve(
    manifests(
      { ...HTTPS, hostname: 'shop.example.com' },
      { ...HTTPS, name: 'wild', hostname: '*.example.net', tls: NO_SUCH_SECRET },
      { ...HTTPS, name: 'any' },
    ),
    shop,
    wild,
  );
  expect(await shown(port, 'shop.example.com')).toBe('shop');
  expect(await shown(port, 'a.example.net')).toBe('wild');
  expect(await shown(port, 'shop.example.com')).toBe('shop');
});

test('a file whose names another has given before is said to be of no use', async () => {
  const one = put('first', await authority.sign({ name: 'first', dns: ['shop.example.com'] }));
  const two = put('second', await authority.sign({ name: 'second', dns: ['shop.example.com'] }));
  const port = await serve(manifests({ ...HTTPS, hostname: 'shop.example.com' }), one, two);
  expect(await shown(port, 'shop.example.com')).toBe('first');
  const { body } = await askAdmin(running!.admin, '/status');
  expect(body).toContain('second.pem is not used: a file before it is for the same names');
});

test('a name may have a certificate with an RSA key beside one with an ECDSA key: the client chooses', async () => {
  const ec = put('ec', await authority.sign({ name: 'ec', dns: ['shop.example.com'] }), 'shop.example.com');
  const rsa = put(
    'rsa',
    await authority.sign({ name: 'rsa', dns: ['shop.example.com'], rsa: true }),
    'shop.example.com',
  );
  const port = await serve(manifests({ ...HTTPS, hostname: 'shop.example.com' }), ec, rsa);
  const only = (kind: string): ConnectionOptions => ({
    maxVersion: 'TLSv1.2',
    ciphers: `ECDHE-${kind}-AES128-GCM-SHA256`,
  });
  expect(await shown(port, 'shop.example.com', only('RSA'))).toBe('rsa');
  expect(await shown(port, 'shop.example.com', only('ECDSA'))).toBe('ec');
  expect(running!.stderr).not.toContain('.pem is not used');
  put('rsa', await authority.sign({ name: 'later', dns: ['shop.example.com'], rsa: true }));
  for (;;) if ((await shown(port, 'shop.example.com', only('RSA'))) === 'later') break;
  expect(await shown(port, 'shop.example.com', only('ECDSA'))).toBe('ec');
});

test('a Secret that is there counts, and a listener whose hostname no file fits has no certificate', async () => {
  const own = await authority.sign({ name: 'secret', dns: ['shop.example.com'] });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const secret = documents({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name: 'here', namespace: 'shop' },
    data: { 'tls.crt': base64(own.certificate), 'tls.key': base64(own.privateKey) },
  });
  const files = manifests(
    { ...HTTPS, hostname: 'shop.example.com', tls: { certificateRefs: [{ name: 'here' }] } },
    { ...HTTPS, name: 'other', hostname: 'other.example.org', tls: NO_SUCH_SECRET },
  );
  const flag = put('file', await authority.sign({ name: 'file', dns: ['shop.example.com'] }));
  const port = await serve({ ...files, 'secret.yaml': secret }, flag);
  expect(await shown(port, 'shop.example.com')).toBe('secret');
  expect((await askAdmin(running!.admin, '/status')).body).toContain('Secret shop/not-here does not exist');
});

test('explain tells of TLS with the same certificates', async () => {
  const { 'all.yaml': text } = manifests({ ...HTTPS, hostname: 'shop.example.com' });
  const flag = put('explained', await authority.sign({ name: 'explained', dns: ['shop.example.com'] }));
  const url = 'https://shop.example.com/';
  const echoes = ['explain', '-f', '-', '--echo-backends', url];
  const without = await daemun(echoes, text);
  expect([without.code, without.stdout]).toEqual([1, expect.stringContaining('names no certificate')]);
  const { code, stdout } = await daemun([...echoes, '--certificate', flag], text);
  expect([code, stdout]).toEqual([0, expect.stringContaining('a backend answers')]);
  const admin = await daemun(['explain', '--admin', '127.0.0.1:1', url, '--certificate', flag]);
  expect([admin.code, admin.stderr]).toEqual([2, expect.stringContaining('cannot be used with')]);
});

test('what cannot be used ends the start, and says why', async () => {
  const pair = await authority.sign({ name: 'one', dns: ['one.example.com'] });
  const other = await authority.sign({ name: 'two', dns: ['two.example.com'] });
  const flag = put('one', pair);
  put('two', other);
  const attempt = async (certificate: string) => {
    const { code, stderr } = await daemun(['run', '-f', folder, '--admin', 'off', '--certificate', certificate]);
    return `${code} ${stderr}`;
  };
  expect(await attempt(`shop.example.com=${flag}`)).toMatch(
    /^1 .*one.pem is not for shop.example.com: it is for one.example.com/s,
  );
  expect(await attempt(flag.replace('one.key', 'two.key'))).toMatch(
    /^1 .*two.key does not belong to the first certificate/s,
  );
  expect(await attempt(join(folder, 'none.pem'))).toMatch(/^1 .*ENOENT/s);
  expect(await attempt('shop_example=a.pem')).toMatch(
    /^2 .*is not a host such as shop.example.com; write host=cert.pem,key.pem/s,
  );
});

test('check says of a Gateway that asks for ACME what a run would do; in a cluster nobody does it', async () => {
  const asking = gateway([{ ...HTTPS, hostname: 'shop.example.com' }]) as { metadata: object };
  Object.assign(asking.metadata, { annotations: { 'daemun.dev/acme': 'true' } });
  const { stdout } = await daemun(
    ['check', '-f', '-', '-o', 'json'],
    `${GATEWAY.split('---\n')[0]}---\n${documents(asking)}`,
  );
  expect(stdout).toContain('a certificate for shop.example.com is to be obtained by ACME');
  const { code, stderr } = await daemun(['run', '--cluster', '--acme']);
  expect([code, stderr]).toEqual([2, expect.stringContaining('--acme and --cluster exclude each other')]);
  const odd = JSON.stringify(asking).replace('"true"', '"yes"');
  const told = await daemun(['check', '-f', '-'], `${GATEWAY.split('---\n')[0]}---\n${odd}`);
  expect(told.stdout + told.stderr).toContain('"yes" says nothing: write "true" or "false"');
});

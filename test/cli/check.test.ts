import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import { daemun } from './daemun-process.ts';
import { documents, GATEWAY, route, service, slice } from './manifest.ts';

const GOOD = `${GATEWAY}---\n${documents(service('cart'), slice('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('good manifests from standard input: exit 0, and the statuses of a cluster in JSON', async () => {
  const { code, stdout, stderr } = await daemun(['check', '-f', '-', '-o', 'json'], GOOD);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { items, diagnostics } = JSON.parse(stdout);
  expect(diagnostics).toEqual([]);
  expect(items.map(({ kind }: { kind: string }) => kind)).toEqual(['Gateway', 'GatewayClass', 'HTTPRoute']);
  const [gateway, , shop] = items;
  expect(gateway).toMatchObject({
    apiVersion: 'gateway.networking.k8s.io/v1',
    metadata: { name: 'edge', namespace: 'shop' },
    status: { listeners: [{ name: 'http', attachedRoutes: 1 }] },
  });
  const accepted = {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    lastTransitionTime: expect.stringMatching(/Z$/),
  };
  expect(shop.status.parents).toMatchObject([
    {
      parentRef: { name: 'edge' },
      controllerName: 'example.com/any',
      conditions: expect.arrayContaining([expect.objectContaining(accepted)]),
    },
  ]);
});

test('what is wrong is told with file, line, field and a way out, exit 1, in all formats', async () => {
  const file = join(folder, 'shop.yaml');
  const at = GOOD.lastIndexOf('"port": 80');
  const broken = `${GOOD.slice(0, at)}"port": "eighty"${GOOD.slice(at + '"port": 80'.length)}`;
  writeFileSync(file, broken);
  const line = broken.split('\n').findIndex((text) => text.includes('eighty')) + 1;
  const table = await daemun(['check', '-f', folder]);
  expect(table.code).toBe(1);
  expect(table.stdout).toContain(`--> ${file}:${line}  HTTPRoute/shop/shop  spec.rules[0].backendRefs[0].port`);
  expect(table.stdout).toMatch(/\d+ \| +"port": "eighty"\n +\| +\^+\n/);
  const json = await daemun(['check', '-f', folder, '-o', 'json']);
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout).diagnostics).toContainEqual(
    expect.objectContaining({ severity: 'error', file, line, object: 'HTTPRoute/shop/shop' }),
  );
  const yaml = await daemun(['check', '-f', folder, '-o', 'yaml']);
  expect(yaml.stdout).toContain('severity: error\n');
});

test('a condition that refuses a reference points at the field in the file', async () => {
  const file = join(folder, 'shop.yaml');
  writeFileSync(file, documents(route('shop', { hostname: 'shop.example.com', backend: 'missing' })));
  writeFileSync(join(folder, 'gateway.yaml'), GATEWAY);
  const { code, stdout } = await daemun(['check', '-f', file, join(folder, 'gateway.yaml')]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/HTTPRoute shop\/shop, parent shop\/edge +ResolvedRefs=False +BackendNotFound/);
  const lines = documents(route('shop', { hostname: 'shop.example.com', backend: 'missing' })).split('\n');
  const around = lines.findIndex((text) => text.includes('"backendRefs"')) + 1;
  const [, line] = /--> .*shop\.yaml:(\d+)/.exec(stdout)!;
  expect(Number(line)).toBeGreaterThanOrEqual(around);
  expect(Number(line)).toBeLessThanOrEqual(around + 2);
});

test('a path that is not there is an error of the input, a missing flag or a wrong one of the command line', async () => {
  const missing = await daemun(['check', '-f', join(folder, 'nowhere.yaml')]);
  expect(missing.code).toBe(1);
  expect(missing.stdout).toContain('nowhere.yaml');
  for (const args of [
    ['check'],
    ['check', '-f', folder, '-o', 'xml'],
    ['chek'],
    ['run', '-f', folder, '--workers', '0'],
  ]) {
    const { code, stderr } = await daemun(args);
    expect(code, args.join(' ')).toBe(2);
    expect(stderr).toContain('error: ');
  }
});

test('where there is nothing to check, that is an error and not a success', async () => {
  writeFileSync(join(folder, 'values.yaml'), 'replicas: 1\n');
  const { code, stdout } = await daemun(['check', folder]);
  expect(stdout).toContain('values.yaml');
  expect(stdout).toContain('error: there is nothing to serve: no file holds an object that is read');
  expect(code).toBe(1);
});

test('every command shows an example and its exit codes', async () => {
  for (const command of ['run', 'check', 'status', 'explain', 'demo']) {
    const { code, stdout } = await daemun([command, '--help']);
    expect(code).toBe(0);
    expect(stdout, command).toMatch(/Examples?:\n {2}\$ /);
    expect(stdout, command).toContain('Exit status: ');
  }
});

test('the examples are accepted, once there is a certificate', async () => {
  const examples = fileURLToPath(new URL('../../examples', import.meta.url));
  const secret = tlsSecret({ namespace: 'infra', name: 'example-com-tls' }, await demoCertificate(['*.example.com']));
  writeFileSync(join(folder, 'secret.json'), secret);
  const { code, stdout } = await daemun(['check', '-f', examples, '-f', folder]);
  expect(stdout).not.toMatch(/error|warning/);
  expect(code).toBe(0);
  expect(readdirSync(examples).length).toBeGreaterThan(5);
});

test('fields and kinds that are not read are errors with --strict, and JSON is the same each time', async () => {
  const unread = `${GOOD}---\n${documents({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' } })}`;
  const lax = await daemun(['check', '-', '-o', 'json'], unread);
  const strict = await daemun(['check', '-', '-o', 'json', '--strict'], unread);
  expect([lax.code, strict.code]).toEqual([0, 1]);
  const { diagnostics } = JSON.parse(strict.stdout);
  expect(diagnostics).toMatchObject([
    { severity: 'error', message: 'Deployment.apps is not a kind that is read here' },
  ]);
  const field = GOOD.replace('"hostnames"', '"hostnmaes"');
  expect((await daemun(['check', '-'], field)).code).toBe(0);
  expect((await daemun(['check', '-', '--strict'], field)).code).toBe(1);
  expect((await daemun(['check', '-', '-o', 'json'], unread)).stdout).toBe(lax.stdout);
  expect(lax.stdout).toContain('"lastTransitionTime": "1970-01-01T00:00:00Z"');
});

test('Services without endpoints are told in one line', async () => {
  const bare = `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'a.example.com', backend: 'cart' }))}`;
  const { code, stdout } = await daemun(['check', '-'], bare);
  expect(code).toBe(0);
  expect(stdout).toContain(
    'info: 1 Service has no endpoint: shop/cart; give an EndpointSlice, --endpoint or --echo-backends\n',
  );
});

/** The image, built and run by the commands of the guide. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { documents, GATEWAY, route, service } from '../cli/manifest.ts';
import { run } from '../protocols/tool.ts';
import { linesFor } from './guide.ts';
import { Podman } from './podman.ts';

const [build, start, ...others] = linesFor('test/host/container.test.ts');

let folder: string;
let podman: Podman;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-image-'));
  podman = new Podman(folder);
  // What is committed, and nothing else of this checkout.
  execFileSync('git', ['clone', '--quiet', process.cwd(), join(folder, 'checkout')]);
  mkdirSync(join(folder, 'checkout/manifests'));
  const objects = [service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' })];
  writeFileSync(join(folder, 'checkout/manifests/all.yaml'), `${GATEWAY}---\n${documents(...objects)}`);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('docker builds it, and runs it read-only and without rights: it serves, and drains when it is stopped', async () => {
  expect(others).toEqual([]);
  expect(build).toMatch(/^docker build /);
  const built = await podman.line(`${build!} --network host --isolation chroot`, join(folder, 'checkout'));
  expect(built.code, built.stdout + built.stderr).toBe(0);
  expect(start).toMatch(/^docker run /);
  const running = podman.line(
    start!.replace('docker run ', 'docker run --name daemun-guide '),
    join(folder, 'checkout'),
  );
  try {
    // A route without endpoints: it is the gateway that answers.
    await expect
      .poll(async () => (await run('curl', ['-s', '-H', 'Host: shop.example.com', 'http://127.0.0.1/'])).stdout)
      .toContain('has no endpoints');
  } finally {
    await podman.ask('stop', 'daemun-guide');
  }
  const { code, stdout, stderr } = await running;
  expect(code).toBe(0);
  expect(stdout + stderr).toContain('drained');
  await podman.remove('daemun-guide');
});

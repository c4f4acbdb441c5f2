/** A run under systemd: its own tool tells it what we say, and its own checker reads the unit. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findTool, run } from '../protocols/tool.ts';
import { ServingProcess } from './daemun-process.ts';
import { documents, GATEWAY, route, service } from './manifest.ts';

const UNIT = fileURLToPath(new URL('../../packaging/daemun.service', import.meta.url));
const GOOD = `${GATEWAY}---\n${documents(service('cart'), route('shop', { hostname: 'shop.example.com', backend: 'cart' }))}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-systemd-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('systemd is told when it serves and when it drains', async () => {
  const told = join(folder, 'told');
  // Stands in for the datagram socket of systemd.
  const tool = join(folder, 'systemd-notify');
  writeFileSync(tool, `#!/bin/sh\nfor word in "$@"; do echo "$NOTIFY_SOCKET $word" >>'${told}'; done\n`);
  chmodSync(tool, 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  vi.stubEnv('NOTIFY_SOCKET', '@systemd');
  const serving = await ServingProcess.start({ 'all.yaml': GOOD }, ['--port-map', '80=0', '--echo-backends']);
  const lines = (): string[] => (existsSync(told) ? readFileSync(told, 'utf8').trimEnd().split('\n') : []);
  const ready = ['@systemd READY=1', '@systemd STATUS=1 of 1 listeners serve'];
  try {
    await vi.waitFor(() => expect(lines()).toEqual(ready), { timeout: 10_000 });
  } finally {
    await serving.stop();
  }
  expect(lines()).toEqual([...ready, '@systemd STOPPING=1', '@systemd STATUS=draining']);
});

test('without systemd nothing is started for it; where its tool is missing, that is told and it serves', async () => {
  vi.stubEnv('PATH', folder);
  vi.stubEnv('NOTIFY_SOCKET', '@systemd');
  const serving = await ServingProcess.start({ 'all.yaml': GOOD }, ['--port-map', '80=0', '--echo-backends']);
  try {
    await serving.logged('systemd was not told');
  } finally {
    expect((await serving.stop()).code).toBe(0);
  }
});

test('the unit is one that systemd reads without complaint', async () => {
  const analyze = findTool('systemd-analyze', 'systemd');
  if (analyze === undefined) return;
  const { stderr } = await run(analyze, ['verify', '--man=no', UNIT]);
  expect(stderr.split('\n').filter((line) => line.includes('daemun'))).toEqual([]);
});

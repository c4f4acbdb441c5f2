import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import { conditionGroups } from '../../src/cli/report/index.ts';
import type { Report } from '../../src/control/index.ts';
import { ask, askAdmin, Load } from '../cli/client.ts';
import { ServingProcess } from '../cli/daemun-process.ts';
import { type Breakage, breakages, soundManifests } from './breakage.ts';

const GOOD = 20;
const PATIENCE = { timeout: 20_000, interval: 50 };

let running: ServingProcess | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function report(): Promise<Report> {
  return JSON.parse((await askAdmin(running!.admin, '/status')).body) as Report;
}

/** What is said of the objects and the file of a breakage. */
function complaints({ items, diagnostics }: Report, { name }: Pick<Breakage, 'name'>): string[] {
  const conditions = items
    .filter(({ metadata }) => metadata.name === name)
    .flatMap((item) => conditionGroups(item))
    .flatMap((group) =>
      group.conditions.map(({ type, status, reason, message }) => [type, status, reason, message].join(' ')),
    );
  const ofFile = diagnostics.filter(({ file, severity }) => file.endsWith(`/${name}.yaml`) && severity !== 'info');
  return [...conditions, ...ofFile.map(({ field, message }) => `${field} ${message}`)];
}

test('of many broken objects and files each says why, none hurts the good ones, and each heals when it is mended', {
  timeout: 120_000,
}, async () => {
  const all = breakages(await demoCertificate(['a.example.com']), await demoCertificate(['b.example.com']));
  expect(all.length).toBeGreaterThanOrEqual(60);
  const ports = ['80=0', '81=0', '8443=0', ...Array.from({ length: 10 }, (_, index) => `${8000 + index}=0`)];
  running = await ServingProcess.start(soundManifests(GOOD), ['--port-map', ports.join(','), '--echo-backends']);
  const { port } = running;
  const load = new Load({ port, hosts: Array.from({ length: GOOD }, (_, index) => `good-${index}.example.com`) });
  await vi.waitFor(() => expect(load.sent).toBeGreaterThan(GOOD));

  for (const { name, broken } of all) writeFileSync(join(running.folder, `${name}.yaml`), broken);
  const circle = join(running.folder, 'circle.yaml');
  symlinkSync(circle, circle);
  const expected = [...all, { name: 'circle', says: /symbolic links lead in a circle/ }];
  await vi.waitFor(async () => {
    const now = await report();
    const silent = expected.filter((one) => !complaints(now, one).some((line) => one.says.test(line)));
    expect(silent.map((one) => [one.name, String(one.says), complaints(now, one)])).toEqual([]);
  }, PATIENCE);
  expect(load.failures).toEqual([]);

  rmSync(circle);
  for (const breakage of all) {
    running.write(`${breakage.name}.yaml`, breakage.mended);
    await vi.waitFor(async () => {
      expect(complaints(await report(), breakage).filter((line) => breakage.says.test(line))).toEqual([]);
      if (breakage.host) expect(await ask({ port, host: breakage.host })).toMatchObject({ status: 200 });
    }, PATIENCE);
  }
  const last = await report();
  expect(last.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  await load.stop();
  expect(load.sent).toBeGreaterThan(all.length);
  expect(load.failures).toEqual([]);
});

/** The guide of firewalls, with Coraza: what its rules stop never reaches a backend. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunningProgram } from '../cli/daemun-process.ts';
import { stepsOf } from '../guides/page.ts';
import { findTool, run } from '../protocols/tool.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';

const SOURCE = fileURLToPath(new URL('waf', import.meta.url));
/** The first build compiles Coraza. */
const BUILD_TIMEOUT = 300_000;

const go = findTool('go', 'golang');
const folder = mkdtempSync(join(tmpdir(), 'daemun-waf-'));
let built = false;
let waf: RunningProgram | undefined;
let origin: HttpAuth;
let rig: Rig | undefined;

function fileOfGuide(name: string): string {
  const file = stepsOf('docs/guides/waf.md').find((step) => step.type === 'file' && step.name === name);
  if (file?.type !== 'file') throw new Error(`the guide has no ${name}`);
  return file.content;
}

beforeAll(async () => {
  if (go === undefined) return;
  const program = join(folder, 'waf');
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const made = await run(go, ['build', '-o', program, '.'], { cwd: SOURCE, env, timeout: BUILD_TIMEOUT });
  built = made.code === 0;
  if (!built) return console.log(`the firewall cannot be built, so that its test does not run:\n${made.stderr}`);
  const rules = join(folder, 'rules.conf');
  writeFileSync(rules, fileOfGuide('rules.conf'));
  const started = (waf = new RunningProgram(program, ['127.0.0.1:0', rules], {}));
  const port = await started.until(() => /^listening .*:(\d+)$/m.exec(started.stdout)?.[1]);
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  rig = await serveManifests(fileOfGuide('waf.yaml'), {
    endpoints: [`shop/cart:80=127.0.0.1:${origin.port}`, `shop/waf:80=127.0.0.1:${port}`],
  });
}, BUILD_TIMEOUT);

afterAll(async () => {
  await rig?.close();
  if (built) await origin.close();
  waf?.child.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(path: string, body?: string, type = 'application/x-www-form-urlencoded'): Promise<number> {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = body === undefined ? {} : { 'content-type': type };
  const request = http.request({ port: rig!.port(), host: '127.0.0.1', path, method, headers, agent: false });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();
  return answer.statusCode!;
}

test.skipIf(go === undefined)('what the rules let pass, passes, and what they stop does not', async () => {
  if (!built) return;
  expect(await ask('/cart?q=shoes')).toBe(200);
  expect(await ask('/cart', 'q=shoes')).toBe(200);
  expect(origin.asked.map(({ body }) => body)).toEqual(['', 'q=shoes']);
  expect(await ask(`/cart?q=${encodeURIComponent("1' OR '1'='1")}`)).toBe(403);
  expect(await ask('/cart', `q=${encodeURIComponent('<script>alert(1)</script>')}`)).toBe(403);
  expect(await ask('/.git/config')).toBe(403);
  expect(await ask('/cart', `q=${'x'.repeat(131_072)}`)).toBe(413);
  expect(origin.asked).toHaveLength(2);
  expect(rig!.accesses.filter(({ reason }) => reason === 'external_auth_denied')).toHaveLength(3);
});

test.skipIf(go === undefined)('without it nothing passes', async () => {
  if (!built) return;
  waf!.child.kill();
  await waf!.finished;
  expect(await ask('/cart')).toBe(503);
  expect(origin.asked).toHaveLength(2);
});

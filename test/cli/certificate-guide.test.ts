/** docs/guides/certificates.md, done as it says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { guideBlocks, guideCommands } from '../house/guide.ts';
import { findTool, succeed } from '../protocols/tool.ts';
import { DaemunProcess, freePort } from './daemun-process.ts';

const PAGE = 'docs/guides/certificates.md';
const tools = [findTool('openssl', 'openssl'), findTool('curl', 'curl')];

test.skipIf(tools.includes(undefined))('the commands of the guide do what it says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'daemun-guide-'));
  const [manifests] = guideBlocks(PAGE).filter(({ language }) => language === 'yaml');
  writeFileSync(join(folder, 'shop.yaml'), manifests!.text);
  const [request, check, run, curl] = guideCommands(PAGE);
  const port = String(await freePort());
  const here = (command: string): string[] =>
    command
      .replaceAll('18443', port)
      .split(' ')
      .slice(1)
      .map((word) => word.replace(/\b(?=(?:shop\.yaml|cert\.pem|key\.pem)$)/, `${folder}/`))
      .map((word) => word.replace('=cert.pem,', `=${folder}/cert.pem,`));
  await succeed(tools[0]!, here(request!));
  const checked = new DaemunProcess(here(check!));
  expect(await checked.finished).toMatchObject({ code: 0, stderr: '' });
  const running = new DaemunProcess([...here(run!), '--bind', '127.0.0.1', '--admin', 'off']);
  try {
    await running.until(() => (running.stderr.includes('ready:') ? true : undefined));
    const { stdout } = await succeed(tools[1]!, ['--silent', ...here(curl!)]);
    expect(JSON.parse(stdout)).toMatchObject({ service: 'cart', namespace: 'shop', path: '/cart' });
  } finally {
    running.child.kill('SIGTERM');
    await running.finished;
    rmSync(folder, { recursive: true, force: true });
  }
});

/** docs/guides/certificates.md, done as it says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { guideBlocks, guideCommands } from '../house/guide.ts';
import { findTool, succeed } from '../protocols/tool.ts';
import { PEBBLE, Pebble } from '../tls/pebble.ts';
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

test.skipIf(PEBBLE === undefined)(
  'so does the command that obtains certificates, from an authority of the test',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-guide-'));
    const [manifests] = guideBlocks(PAGE).filter(({ language }) => language === 'yaml');
    writeFileSync(join(folder, 'shop.yaml'), manifests!.text);
    const command = guideCommands(PAGE).find((one) => one.includes('--acme '))!;
    const port = await freePort();
    const pebble = await Pebble.start({ httpPort: await freePort(), tlsPort: port });
    pebble.names.records.set('shop.example.com', ['127.0.0.1']);
    const words = command
      .replace('shop.yaml', join(folder, 'shop.yaml'))
      .replace('staging', pebble.directory)
      .split(' ');
    const here = ['--acme-ca-file', pebble.caFile, '--acme-folder', folder, '--port-map', `443=${port}`];
    const running = new DaemunProcess([...words.slice(1), ...here, '--bind', '127.0.0.1', '--admin', 'off']);
    try {
      await running.until(() => (/certificate obtained .*shop\.example\.com/.test(running.stderr) ? true : undefined));
    } finally {
      running.child.kill('SIGTERM');
      await running.finished;
      await pebble.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

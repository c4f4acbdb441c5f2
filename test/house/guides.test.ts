/** Guides are complete by themselves: their files are written, their commands run, and what they print is what the page says. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../protocols/tool.ts';
import { textOf } from './tree.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files are named in the line above their block. */
const FILE = /`([\w-]+\.yaml)`:\n\n```yaml\n([\s\S]*?)```/g;
const CONSOLE = /```console\n([\s\S]*?)```/g;

test.each(['explain', 'grpc', 'streams'])('%s', async (guide) => {
  const text = textOf(`docs/guides/${guide}.md`);
  const folder = mkdtempSync(join(tmpdir(), 'daemun-guide-'));
  try {
    symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
    for (const [, name, content] of text.matchAll(FILE)) writeFileSync(join(folder, name!), content!);
    const sessions = [...text.matchAll(CONSOLE)].flatMap(([, lines]) => lines!.split(/^\$ /m).slice(1));
    expect(sessions.length).toBeGreaterThan(0);
    for (const session of sessions) {
      const [command = '', ...lines] = session.split('\n');
      const line = command.replace(/^daemun/, `'${process.execPath}' '${join(ROOT, 'bin/daemun.js')}'`);
      const { stdout, stderr } = await run('bash', ['-c', line], { cwd: folder });
      expect(stderr + stdout, command).toMatch(patternOf(lines.join('\n').trimEnd()));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** A line of three dots stands for any number of lines. */
function patternOf(shown: string): RegExp {
  const parts = shown.split(/^\.\.\.\n/m).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[\\s\\S]*?')}\\n$`);
}

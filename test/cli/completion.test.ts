/** What shells complete, asked of the shells themselves. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTool } from '../protocols/tool.ts';
import { daemun } from './daemun-process.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'daemun-completion-'));
const SHELLS = ['bash', 'zsh', 'fish'] as const;

beforeAll(async () => {
  for (const shell of SHELLS) writeFileSync(join(folder, shell), (await daemun(['completion', shell])).stdout);
  writeFileSync(join(folder, 'shop.yaml'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The script of each shell that loads the completion, asks for what follows the line, and prints one word a line. */
const ASK: Readonly<Record<(typeof SHELLS)[number], (words: readonly string[]) => string>> = {
  bash: (words) =>
    `source ./bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; ` +
    `_daemun; printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Outside of its line editor Zsh completes nothing: the functions that would show words print them.
  zsh: (words) =>
    'compdef() { }; compadd() { shift; print -l -- "$@"; }; _files() { ls; }; ' +
    `_describe() { print -l -- "\${(@)\${(@P)2}%%:*}"; }; source ./zsh; ` +
    `words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length}; _daemun`,
  fish: (words) => `source ./fish; complete -C '${words.join(' ')}'`,
};

async function completed(shell: (typeof SHELLS)[number], words: readonly string[]): Promise<string[]> {
  const { stdout } = await run(shell, ['-c', ASK[shell](words)], {
    cwd: folder,
    env: { ...process.env, HOME: folder },
  });
  return stdout
    .split('\n')
    .map((line) => line.split('\t')[0]!)
    .filter((word) => word !== '');
}

test.each(SHELLS)('%s completes commands, flags, values and files', async (shell) => {
  if (findTool(shell, shell) === undefined) return;
  const commands = ['run', 'check', 'status', 'explain', 'cache', 'debug', 'demo', 'completion', 'version'];
  expect(await completed(shell, ['daemun', ''])).toEqual(expect.arrayContaining(commands));
  expect(await completed(shell, ['daemun', 'debug', ''])).toContain('graph');
  expect(await completed(shell, ['daemun', 'run', '--'])).toEqual(
    expect.arrayContaining(['--port-map', '--access-log', '--help']),
  );
  expect(await completed(shell, ['daemun', 'debug', 'graph', '--'])).not.toContain('--port-map');
  const formats = await completed(shell, ['daemun', 'check', '-o', '']);
  expect(formats.sort()).toEqual(['json', 'table', 'wide', 'yaml']);
  expect(await completed(shell, ['daemun', 'check', '-f', ''])).toContain('shop.yaml');
  expect(await completed(shell, ['daemun', 'check', ''])).toContain('shop.yaml');
  expect(await completed(shell, ['daemun', 'status', '--admin', ''])).not.toContain('shop.yaml');
  expect((await completed(shell, ['daemun', 'completion', ''])).sort()).toEqual([...SHELLS].sort());
});

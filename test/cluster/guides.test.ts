/** The guides for clusters are complete by themselves: what they tell to apply and to run does what they say. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { helmProgram } from '../charts/helm.ts';
import { textOf } from '../house/tree.ts';
import { run } from '../protocols/tool.ts';
import { CLUSTER_GUIDES } from './guide-list.ts';
import { Scene } from './scene.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Files are named in the paragraph above their block. */
const FILE = /`([\w.-]+)`[^\n]*:(?:[^\n`]*\n)*?\n```(?:yaml|nginx)\n([\s\S]*?)```/g;
const CONSOLE = /```console\n([\s\S]*?)```/g;

const open: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

describe('guides', () => {
  test.each(CLUSTER_GUIDES)('%s', async (guide) => {
    const scene = await Scene.open('guide');
    open.push(() => scene.close());
    // What the guides take for there, because it has nothing to do with them.
    if (guide !== 'kubernetes') await scene.echo('shop');
    const text = textOf(`docs/guides/${guide}.md`).replaceAll('NAMESPACE', scene.namespace);
    const folder = mkdtempSync(join(tmpdir(), 'daemun-guide-'));
    open.push(() => rmSync(folder, { recursive: true }));
    symlinkSync(join(ROOT, 'charts'), join(folder, 'charts'));
    for (const [, name, content] of text.matchAll(FILE)) writeFileSync(join(folder, name!), content!);
    const env = await environment(scene.namespace, folder);
    const sessions = [...text.matchAll(CONSOLE)].flatMap(([, lines]) => lines!.split(/^\$ /m).slice(1));
    expect(sessions.length).toBeGreaterThan(0);
    for (const session of sessions) {
      const [command = '', ...lines] = session.split('\n');
      const { code, stdout, stderr } = await run('bash', ['-c', command], { cwd: folder, env, timeout: 130_000 });
      expect(stdout + stderr, command).toMatch(patternOf(lines.join('\n').trimEnd()));
      expect(code, command).toBe(0);
    }
  });
});

/** With the scene's namespace as the one that is meant where none is named. */
async function environment(namespace: string, folder: string): Promise<NodeJS.ProcessEnv> {
  const kubeconfig = join(folder, 'kubeconfig');
  const { stdout } = await run('kubectl', ['config', 'view', '--raw', '--minify', '--flatten']);
  writeFileSync(kubeconfig, stdout, { mode: 0o600 });
  const helm = helmProgram('v3');
  const PATH = [process.env.PATH ?? '', ...(helm === undefined ? [] : [dirname(helm)])].join(delimiter);
  const env = { ...process.env, KUBECONFIG: kubeconfig, PATH, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder };
  await run('kubectl', ['config', 'set-context', '--current', `--namespace=${namespace}`], { env });
  return env;
}

/** A line of three dots stands for any number of lines, and `…` for anything within one. */
function patternOf(shown: string): RegExp {
  const parts = shown.split(/^\.\.\.$\n?/m).map((part) =>
    part
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/ *… */g, '.*')
      .replace(/ {2,}/g, ' +'),
  );
  return new RegExp(`^${parts.join('[\\s\\S]*?')}\\s*$`);
}

/**
 * `npm run release:executable [-- FILE]`: Daemun, its dependencies, the examples and Node.js in one file for Linux, and
 * their licences beside it. Needs `strip` (Debian: binutils). docs/decisions/single-executable.md says why it is so.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { asciiText } from './ascii-text.ts';

/** Bytes: a larger one is no release. */
const MOST = 120_000_000;

/** As proxy/state/password-hashing.ts asks for it. */
const THREAD_ASSET = 'password-thread.cjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = resolve(process.argv[2] ?? join(root, 'release/daemun'));
mkdirSync(dirname(file), { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'daemun-executable-'));
try {
  const modules = [...(await bundle(join(folder, 'daemun.mjs'))), ...(await bundleThread(join(folder, THREAD_ASSET)))];
  const node = join(folder, 'node');
  copyFileSync(process.execPath, node);
  execFileSync('strip', [node]);
  inject(node);
  writeFileSync(`${file}.licenses.txt`, licences(modules));
} finally {
  rmSync(folder, { recursive: true });
}
const { size } = statSync(file);
const version = execFileSync(file, ['--version'], { encoding: 'utf8' }).trim();
if (size > MOST) throw new Error(`${file} has ${size} bytes, and may have ${MOST}`);
console.log(`${file}: Daemun ${version} on Node.js ${process.version}, ${(size / 1e6).toFixed(1)} MB`);

/** Answers the modules that are in it. */
async function bundle(output: string): Promise<string[]> {
  const build = await rolldown({ input: 'src/cli/executable.ts', cwd: root, platform: 'node' });
  const { output: chunks } = await build.write({
    file: output,
    format: 'esm',
    minify: true,
    codeSplitting: false,
    plugins: [asciiText],
  });
  await build.close();
  return chunks.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
}

/** The program of a thread: it is opened from its text. */
async function bundleThread(output: string): Promise<string[]> {
  const build = await rolldown({ input: 'src/cli/password-thread.ts', cwd: root, platform: 'node' });
  const { output: chunks } = await build.write({ file: output, format: 'cjs', minify: true, codeSplitting: false });
  await build.close();
  return chunks.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
}

function inject(node: string): void {
  const examples = readdirSync(join(root, 'examples')).map((name) => `examples/${name}`);
  const files = Object.fromEntries(['package.json', ...examples].map((path) => [path, join(root, path)]));
  const assets = { ...files, [THREAD_ASSET]: join(folder, THREAD_ASSET) };
  const config = join(folder, 'sea.json');
  const main = { main: join(folder, 'daemun.mjs'), mainFormat: 'module', disableExperimentalSEAWarning: true };
  const execArgv = ['--disable-sigusr1'];
  writeFileSync(config, JSON.stringify({ ...main, executable: node, output: file, assets, execArgv }));
  execFileSync(process.execPath, [`--build-sea=${config}`], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Of Daemun, of Node.js and all that it is made of, and of each package that is in it. */
function licences(modules: readonly string[]): string {
  const packages = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []));
  const texts = [...packages].sort().map((path) => {
    const { name, version: number, license } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Package;
    const text = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
    return [`${name} ${number} (${license})`, text === undefined ? '' : readFileSync(join(path, text), 'utf8')];
  });
  const own = ['Daemun', readFileSync(join(root, 'LICENSE'), 'utf8')];
  const node = [`Node.js ${process.version}`, nodeLicence()];
  return [own, node, ...texts].map(([title, text]) => `${title}\n${'='.repeat(title!.length)}\n\n${text}\n`).join('\n');
}

interface Package {
  name: string;
  version: string;
  license: string;
}

function nodeLicence(): string {
  const place = join(dirname(process.execPath), '../LICENSE');
  return existsSync(place)
    ? readFileSync(place, 'utf8')
    : `https://github.com/nodejs/node/blob/${process.version}/LICENSE`;
}

/** The official suite as a program, built by Go from the module here and kept outside the tree. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const DEFAULT_SUITE = 'v1.6.3';
export const SUITES: readonly string[] = [DEFAULT_SUITE, 'v1.7.0'];

/** What a suite needs that the Go here may be too old for: Go fetches it by itself. */
const TOOLCHAINS: Readonly<Record<string, string>> = { 'v1.7.0': 'go1.27.3' };

/** Where Go's own installer puts it, which is not on everybody's PATH. */
const GO_PLACE = '/usr/local/go/bin';

export async function suiteBinary(version: string): Promise<string> {
  const given = process.env.CONFORMANCE_BINARY;
  if (given !== undefined && given !== '') {
    if (!existsSync(given)) throw new Error(`$CONFORMANCE_BINARY names ${given}, which is not there`);
    return given;
  }
  const module = fileURLToPath(new URL(version, import.meta.url));
  const folder = join(cacheFolder(), 'conformance');
  const binary = join(folder, `${version}-${fingerprint(module)}.test`);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  console.log(`building suite ${version}, once; this takes minutes`);
  const began = performance.now();
  const building = `${binary}.${process.pid}`;
  await go(['test', '-c', '-o', building, '.'], module, TOOLCHAINS[version]);
  renameSync(building, binary);
  console.log(`built in ${Math.round((performance.now() - began) / 1000)} s`);
  return binary;
}

function cacheFolder(): string {
  const { DAEMUN_CACHE, XDG_CACHE_HOME } = process.env;
  return DAEMUN_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'daemun');
}

/** Of all that decides what is built. */
function fingerprint(module: string): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'conformance_test.go']) hash.update(readFileSync(join(module, file)));
  return hash.digest('hex').slice(0, 12);
}

function go(args: string[], cwd: string, toolchain: string | undefined): Promise<void> {
  const env = {
    ...process.env,
    PATH: `${process.env.PATH ?? ''}${delimiter}${GO_PLACE}`,
    ...(toolchain === undefined ? {} : { GOTOOLCHAIN: toolchain }),
  };
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { cwd, env, stdio: 'inherit' });
    child.on('error', (error) => reject(new Error(`Go cannot be started: ${error.message}`)));
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`go ${args.join(' ')} ended with ${code}`));
    });
  });
}

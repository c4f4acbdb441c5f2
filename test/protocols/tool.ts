/** Programs of other people that the tests talk to. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where Debian puts what is not for everybody's PATH. */
const MORE_PLACES = ['/usr/sbin', '/usr/local/go/bin', '/usr/local/bin'];

/** Where a program is, or undefined: then what needs it does not run, and the reason is printed. */
export function findTool(name: string, debianPackage: string, morePlaces: string[] = []): string | undefined {
  const places = [...(process.env.PATH ?? '').split(delimiter), ...MORE_PLACES, ...morePlaces];
  const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
  if (found === undefined) console.log(`${name} is not installed (Debian: ${debianPackage}): its tests do not run`);
  return found;
}

const MAX_OUTPUT: number = 64 * 1024 * 1024;

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  input?: string | Buffer;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Milliseconds. */
  timeout?: number;
  /** Who runs it, where that is another user. */
  uid?: number;
  gid?: number;
}

/** Runs a program to its end, whatever that is. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<Run> {
  const { input, timeout = 60_000, ...rest } = options;
  return new Promise((resolve) => {
    const child = execFile(program, args, { ...rest, timeout, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
    child.stdin!.on('error', () => {});
    child.stdin!.end(input);
  });
}

/** As `run`; rejects, with all that was said, where it does not end well. */
export async function succeed(program: string, args: string[], options: RunOptions = {}): Promise<Run> {
  const done = await run(program, args, options);
  if (done.code === 0) return done;
  throw new Error(`${[program, ...args].join(' ')} ended with ${done.code}\n${done.stdout}\n${done.stderr}`);
}

/**
 * A Go program, installed into a folder outside the tree and kept for the next run; undefined, with the reason
 * printed, where there is no Go or it cannot be had. `apart`: a folder within that one, for names that say little.
 */
export function goProgram(module: string, apart = ''): string | undefined {
  const go = findTool('go', 'golang');
  if (go === undefined) return undefined;
  const bin = join(tmpdir(), 'daemun-go-programs', apart);
  mkdirSync(bin, { recursive: true });
  const program = join(bin, module.replace(/@.*/, '').split('/').at(-1)!);
  if (existsSync(program)) return program;
  const env = { ...process.env, GOBIN: bin, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' };
  const { status, stderr } = spawnSync(go, ['install', module], { cwd: bin, env, timeout: 240_000 });
  if (status === 0) return program;
  console.log(`${module} cannot be installed, so that its tests do not run:\n${stderr}`);
  return undefined;
}

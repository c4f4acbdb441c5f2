/** Helm, built by Go from its module and kept outside the tree. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findTool, type Run, run, succeed } from '../protocols/tool.ts';

const MODULES: Readonly<Record<string, string>> = {
  v3: 'helm.sh/helm/v3/cmd/helm@v3.22.0',
  v4: 'helm.sh/helm/v4/cmd/helm@v4.3.2',
};

/** Milliseconds: it compiles a client of Kubernetes. */
const BUILD_TIME = 900_000;

/** Where it is, or undefined with the reason printed. */
export function helmProgram(version: 'v3' | 'v4'): string | undefined {
  const { DAEMUN_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = DAEMUN_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'daemun');
  const module = MODULES[version]!;
  const bin = join(cache, `helm-${module.replace(/.*@/, '')}`);
  const program = join(bin, 'helm');
  if (existsSync(program)) return program;
  const go = findTool('go', 'golang');
  if (go === undefined) return undefined;
  mkdirSync(bin, { recursive: true });
  const env = { ...process.env, GOBIN: bin, CGO_ENABLED: '0' };
  const { status, stderr } = spawnSync(go, ['install', module], { cwd: bin, env, timeout: BUILD_TIME });
  if (status === 0) return program;
  console.log(`${module} cannot be installed, so that its tests do not run:\n${String(stderr).slice(-2000)}`);
  return undefined;
}

export function helm(program: string, args: string[]): Promise<Run> {
  return succeed(program, args);
}

/** How it ends, also badly. */
export function tryHelm(program: string, args: string[]): Promise<Run> {
  return run(program, args);
}

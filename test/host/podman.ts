/** Containers without a daemon of Docker's: podman is what answers to `docker`. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect } from 'vitest';
import { type Run, run } from '../protocols/tool.ts';

const PODMAN = '/usr/bin/podman';
/** Where control groups are of the first version, and limits may not be raised, runc goes on. */
const SETTINGS = `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
`;
/** Milliseconds: an image is built in it. */
const LIMIT = 540_000;

export class Podman {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `folder`: of the test's own. */
  constructor(folder: string) {
    this.#folder = folder;
    writeFileSync(join(folder, 'containers.conf'), SETTINGS);
    symlinkSync(PODMAN, join(folder, 'docker'));
    this.#env = {
      ...process.env,
      CONTAINERS_CONF: join(folder, 'containers.conf'),
      PATH: `${folder}${delimiter}${process.env.PATH}`,
    };
  }

  /** A line as it stands in a guide, in a folder. */
  line(line: string, cwd = this.#folder): Promise<Run> {
    return run('bash', ['-e', '-c', line], { cwd, env: this.#env, timeout: LIMIT });
  }

  /** Its output; whatever fails is told. */
  async ask(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await run(PODMAN, args, { env: this.#env, timeout: LIMIT });
    expect(code, `podman ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  /** In a container that runs. */
  inside(name: string, line: string): Promise<string> {
    return this.ask('exec', name, 'sh', '-e', '-c', line);
  }

  async remove(name: string): Promise<void> {
    await run(PODMAN, ['rm', '--force', '--time', '1', name], { env: this.#env });
  }
}

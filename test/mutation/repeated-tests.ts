/** Tests that are run in a copy of the tree for one mutant after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Asked, Fared } from './test-host.ts';

export type Verdict = 'killed' | 'timeout' | 'survived';

export class RepeatedTests {
  readonly #tree: string;
  readonly #files: readonly string[];
  #host: ChildProcess | undefined;
  #leftOut: readonly string[] = [];

  constructor(tree: string, files: readonly string[]) {
    this.#tree = tree;
    this.#files = files;
  }

  /**
   * Runs them as they are. Those that fail say nothing of a mutant, and are left out from now on: returned with what
   * they say.
   */
  async settle(path: string, timeout: number): Promise<Fared['failed']> {
    const out: Fared['failed'][number][] = [];
    for (;;) {
      const fared = await this.#fare(path, timeout);
      if (fared === 'timeout' || fared === 'gone') throw new Error(`tests of ${path} without a mutant: ${fared}`);
      if (fared.failed.length === 0) return out;
      if (fared.failed.some(({ test }) => test === '')) throw new Error(`${path}: ${fared.failed[0]!.why}`);
      out.push(...fared.failed);
      this.#leftOut = out.map(({ test }) => test);
      if (out.length >= this.#files.length)
        throw new Error(`all tests of ${path} fail without a mutant: ${out[0]!.why}`);
    }
  }

  /** How they fare with what stands in the file now. */
  async run(path: string, timeout: number): Promise<Verdict> {
    const fared = await this.#fare(path, timeout);
    if (fared === 'timeout') return 'timeout';
    return fared !== 'gone' && fared.failed.length === 0 ? 'survived' : 'killed';
  }

  async #fare(path: string, timeout: number): Promise<Fared | 'timeout' | 'gone'> {
    const host = (this.#host ??= await this.#started());
    const { promise, resolve } = Promise.withResolvers<Fared | 'timeout' | 'gone'>();
    const timer = setTimeout(() => resolve('timeout'), timeout);
    host.once('message', (fared) => resolve(fared as Fared));
    host.once('exit', () => resolve('gone'));
    host.send({ changed: path, leftOut: this.#leftOut } satisfies Asked);
    const fared = await promise;
    clearTimeout(timer);
    host.removeAllListeners();
    // Who hangs, or is gone, is begun anew.
    if (fared === 'timeout' || host.exitCode !== null) this.end();
    return fared;
  }

  end(): void {
    end(this.#host?.pid);
    this.#host = undefined;
  }

  async #started(): Promise<ChildProcess> {
    const host = fork(join(this.#tree, 'test/mutation/test-host.ts'), this.#files, {
      cwd: this.#tree,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // A group of its own, so that what its tests started ends with it.
      detached: true,
    });
    await once(host, 'message');
    return host;
  }
}

function end(group: number | undefined): void {
  if (group === undefined) return;
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

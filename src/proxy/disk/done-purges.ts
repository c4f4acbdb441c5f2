/**
 * Which of the purges that stand on policies this folder has behind it, in a file each whose name is all that it says. So a process that
 * starts does what came while none ran, and nothing twice, whatever clocks say. Each worker has its own: where one has not done
 * it, or there are more or fewer workers than before, it is done again.
 */
import { mkdir, open, readdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from './answer-file.ts';
import type { IoGate } from './io-gate.ts';

interface WorkerPlace {
  readonly path: string;
  readonly index: number;
  readonly workers: number;
}

export class DonePurges {
  readonly #place: WorkerPlace;
  readonly #gate: IoGate;
  /** Names of this worker's files, by digest of the policy. */
  readonly #own = new Map<string, Set<string>>();
  /** What all workers had done when this one started. */
  #before = new Set<string>();

  constructor(place: WorkerPlace, gate: IoGate) {
    this.#place = place;
    this.#gate = gate;
  }

  /** Never rejects: what cannot be read counts as not done. */
  async load(): Promise<void> {
    try {
      await this.#gate.run('purge', () => this.#read());
    } catch {
      this.#before = new Set();
    }
  }

  async #read(): Promise<void> {
    const { path, index, workers } = this.#place;
    const folder = join(path, 'done');
    await mkdir(this.#folderOf(index), { recursive: true, mode: 0o700 });
    const folders = Array.from({ length: workers }, (_, worker) => this.#folderOf(worker));
    for (const other of await readdir(folder)) {
      if (!folders.includes(join(folder, other))) await rm(join(folder, other), { recursive: true, force: true });
    }
    const own = await readdir(this.#folderOf(index));
    for (const name of own) this.#note(name);
    let before = new Set(own);
    for (const one of folders) before = before.intersection(new Set(await readdir(one).catch(() => [])));
    this.#before = before;
  }

  #folderOf(worker: number): string {
    return join(this.#place.path, 'done', `${worker}-of-${this.#place.workers}`);
  }

  #note(name: string): void {
    const [policy] = name.split('-') as [string];
    const own = this.#own.get(policy);
    if (own === undefined) this.#own.set(policy, new Set([name]));
    else own.add(name);
  }

  has(policy: string, id: string): boolean {
    return this.#before.has(nameOf(policy, id));
  }

  /** Never rejects: what is not written is done again by the next process. */
  async add(policy: string, id: string): Promise<void> {
    const name = nameOf(policy, id);
    this.#note(name);
    const at = join(this.#folderOf(this.#place.index), name);
    await this.#gate.run('purge', async () => (await open(at, 'w', 0o600)).close()).catch(() => {});
  }

  /** Others do not stand on the policy any more. */
  keepOnly(policy: string, ids: readonly string[]): void {
    const own = this.#own.get(digestOf(policy));
    if (own === undefined) return;
    const names = new Set(ids.map((id) => nameOf(policy, id)));
    for (const name of own) {
      if (names.has(name)) continue;
      own.delete(name);
      const at = join(this.#folderOf(this.#place.index), name);
      void this.#gate.run('purge', () => unlink(at)).catch(() => {});
    }
    if (own.size === 0) this.#own.delete(digestOf(policy));
  }
}

function nameOf(policy: string, id: string): string {
  return `${digestOf(policy)}-${digestOf(id)}`;
}

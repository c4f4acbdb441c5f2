import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { isMissing } from './file-tree.ts';

interface Watch {
  watcher: FSWatcher;
  /** Entries of the folder that matter; absent: all of them. */
  names?: Set<string>;
}

/**
 * Watches a set of folders, which is stated anew in each round: `begin`, `want` for each folder before it is read
 * (so that nothing is missed between reading and watching), `end`. Folders are watched rather than files, since
 * editors replace files, and mounted ConfigMaps swap a symlink named `..data`.
 */
export class FolderWatch {
  readonly #onChange: () => void;
  readonly #watches = new Map<string, Watch>();
  #wanted = new Set<string>();
  #closed = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  begin(): void {
    this.#wanted = new Set();
    for (const entry of this.#watches.values()) entry.names = new Set();
  }

  /** Watches all of a folder, or one entry of it. Answers why it cannot be watched, if so. */
  want(folder: string, name?: string): string | undefined {
    if (this.#closed) return undefined;
    this.#wanted.add(folder);
    try {
      let entry = this.#watches.get(folder);
      if (!entry) {
        entry = { watcher: this.#open(folder), names: new Set() };
        this.#watches.set(folder, entry);
      }
      if (name === undefined) entry.names = undefined;
      else entry.names?.add(name);
      return undefined;
    } catch (error) {
      // A folder that is not there is seen when it comes, by the watch on the one above.
      if (isMissing(error)) return undefined;
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Forgets the folders that nobody wanted in this round. */
  end(): void {
    for (const folder of this.#watches.keys()) if (!this.#wanted.has(folder)) this.#forget(folder);
  }

  close(): void {
    this.#closed = true;
    for (const folder of this.#watches.keys()) this.#forget(folder);
  }

  #open(folder: string): FSWatcher {
    const watcher = watch(folder);
    watcher.on('change', (event, filename) => {
      const name = filename === null ? undefined : String(filename);
      // A folder that is removed or moved away reports its own name: the watch is of no use after that.
      const gone = event === 'rename' && name === basename(folder);
      if (gone) this.#forget(folder, watcher);
      const names = this.#watches.get(folder)?.names;
      if (gone || !names || name === undefined || names.has(name) || name.startsWith('..')) this.#onChange();
    });
    watcher.on('error', () => {
      this.#forget(folder, watcher);
      this.#onChange();
    });
    return watcher;
  }

  #forget(folder: string, which?: FSWatcher): void {
    const entry = this.#watches.get(folder);
    if (!entry || (which && entry.watcher !== which)) return;
    this.#watches.delete(folder);
    entry.watcher.close();
  }
}

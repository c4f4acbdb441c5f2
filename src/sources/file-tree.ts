import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve, sep } from 'node:path';

/** A file to read, or a path that cannot be. `path` is what users see, and what file functions take. */
export interface Found {
  path: string;
  error?: string;
  /** Named by the user, rather than found in a folder. */
  named: boolean;
}

export interface FoundTree {
  /** In the order of their names. */
  found: Found[];
  /** Folders that are a folder which is read already, by another name. */
  repeated: Array<{ path: string; first: string }>;
}

/** Told of each folder before it is read; with a name, only that entry of the folder matters. */
export type OnFolder = (folder: string, name?: string) => void;

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);

/** Folders of one path that are read; somebody who names `/` by mistake is told, and not served for minutes. */
export const MAX_FOLDERS = 10_000;
/** Files of one path that are read. */
export const MAX_FILES = 100_000;

/**
 * The files that a path stands for: itself, or those of a folder and the folders below. Entries whose names start with
 * a dot are left out: editors' temporary files, and the machinery of mounted ConfigMaps. A folder is read once,
 * whatever links lead to it and also where they lead in circles; its own place goes before the links to it.
 */
export async function filesOf(
  path: string,
  onFolder: OnFolder,
  limits = { folders: MAX_FOLDERS, files: MAX_FILES },
): Promise<FoundTree> {
  const search = new Search(path, onFolder, limits);
  await watchWayTo(path, onFolder);
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) await search.folders();
    else await search.file({ path, named: true });
  } catch (error) {
    search.found.push({ path, named: true, error: reasonOf(error) });
  }
  return { found: search.found.sort(byNames), repeated: search.repeated };
}

class Search {
  readonly found: Found[] = [];
  readonly repeated: FoundTree['repeated'] = [];
  readonly #root: string;
  readonly #onFolder: OnFolder;
  readonly #limits: { folders: number; files: number };
  /** By device and inode: the path under which the folder is read. */
  readonly #read = new Map<string, string>();
  /** Links to folders, which wait until all folders that are there by themselves have been read. */
  readonly #links: string[] = [];
  #full = false;

  constructor(root: string, onFolder: OnFolder, limits: { folders: number; files: number }) {
    this.#root = root;
    this.#onFolder = onFolder;
    this.#limits = limits;
  }

  async folders(): Promise<void> {
    await this.#folder(this.#root);
    for (const path of this.#links) {
      await this.#attempt(path, async () => {
        await watchTarget(path, this.#onFolder);
        await this.#folder(path);
      });
    }
  }

  async file(file: Found): Promise<void> {
    await watchTarget(file.path, this.#onFolder);
    this.#add(file);
  }

  async #folder(folder: string): Promise<void> {
    const { dev, ino } = await stat(folder, { bigint: true });
    const identity = `${dev}:${ino}`;
    const first = this.#read.get(identity);
    if (first !== undefined) {
      this.repeated.push({ path: folder, first });
      return;
    }
    if (this.#read.size >= this.#limits.folders) this.#overflow(`${this.#limits.folders} folders`);
    if (this.#full) return;
    this.#read.set(identity, folder);
    this.#onFolder(folder);
    const entries = await readdir(folder, { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith('.') || this.#full) continue;
      const path = join(folder, entry.name);
      const wanted = EXTENSIONS.has(extname(entry.name));
      if (entry.isFile() && wanted) this.#add({ path, named: false });
      else if (entry.isDirectory()) await this.#attempt(path, () => this.#folder(path));
      else if (entry.isSymbolicLink()) await this.#attempt(path, () => this.#link(path, wanted));
    }
  }

  async #link(path: string, wanted: boolean): Promise<void> {
    const target = await stat(path);
    if (target.isDirectory()) this.#links.push(path);
    else if (target.isFile() && wanted) await this.file({ path, named: false });
  }

  #add(file: Found): void {
    if (this.found.length >= this.#limits.files) this.#overflow(`${this.#limits.files} files`);
    if (!this.#full) this.found.push(file);
  }

  #overflow(what: string): void {
    if (this.#full) return;
    this.#full = true;
    const error = `holds more than ${what}, and the rest of it is not read; name the folders with manifests instead`;
    this.found.push({ path: this.#root, named: true, error });
  }

  /** What vanishes between listing and looking has been removed; anything else is an error to report. */
  async #attempt(path: string, look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      if (!isMissing(error)) this.found.push({ path, named: false, error: reasonOf(error) });
    }
  }
}

/** Folder by folder, each in the order of its names. */
function byNames(a: Found, b: Found): number {
  const [one, other] = [a.path.split(sep), b.path.split(sep)];
  const at = one.findIndex((name, i) => name !== other[i]);
  if (at < 0) return one.length - other.length;
  return at >= other.length || one[at]! > other[at]! ? 1 : -1;
}

/** The content behind a symlink can change in a folder of its own. */
async function watchTarget(path: string, onFolder: OnFolder): Promise<void> {
  const real = await realpath(path);
  if (real !== resolve(path)) onFolder(dirname(real), basename(real));
}

/** The nearest folder above that exists, so that a path that is not there yet is seen when it comes. */
async function watchWayTo(path: string, onFolder: OnFolder): Promise<void> {
  let at = resolve(path);
  for (;;) {
    const parent = dirname(at);
    if (parent === at) return;
    onFolder(parent, basename(at));
    try {
      await stat(parent);
      return;
    } catch {
      // The parent is missing too: whatever is above it decides.
      at = parent;
    }
  }
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** Why a file function failed, in words. */
export function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'there is no such file or folder';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'ELOOP':
      return 'symbolic links lead in a circle';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

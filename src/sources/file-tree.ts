import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';

/** A file to read, or a path that cannot be. `path` is what users see, and what file functions take. */
export interface Found {
  path: string;
  error?: string;
  /** Named by the user, rather than found in a folder. */
  named: boolean;
}

/** Told of each folder before it is read; with a name, only that entry of the folder matters. */
export type OnFolder = (folder: string, name?: string) => void;

const EXTENSIONS = new Set(['.yaml', '.yml', '.json']);

/**
 * The files that a path stands for: itself, or those of a folder and the folders below, in the order of their names.
 * Entries whose names start with a dot are left out: editors' temporary
 * files, and the machinery of mounted ConfigMaps.
 */
export async function filesOf(path: string, onFolder: OnFolder): Promise<Found[]> {
  const search: Search = { found: [], onFolder, visited: new Set() };
  await watchWayTo(path, onFolder);
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) await findInFolder(path, search);
    else await addFile({ path, named: true }, search);
  } catch (error) {
    search.found.push({ path, named: true, error: reasonOf(error) });
  }
  return search.found;
}

interface Search {
  found: Found[];
  onFolder: OnFolder;
  /** Real paths of the folders on the way down, against symlinks that lead back. */
  visited: Set<string>;
}

async function findInFolder(folder: string, search: Search): Promise<void> {
  const real = await realpath(folder);
  if (search.visited.has(real)) return;
  const below = { ...search, visited: new Set([...search.visited, real]) };
  search.onFolder(folder);
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    const wanted = EXTENSIONS.has(extname(entry.name));
    if (entry.isFile()) {
      if (wanted) search.found.push({ path, named: false });
    } else if (entry.isDirectory()) {
      await attempt(path, search, () => findInFolder(path, below));
    } else if (entry.isSymbolicLink()) {
      await attempt(path, search, () => followLink(path, { ...below, wanted }));
    }
  }
}

async function followLink(path: string, search: Search & { wanted: boolean }): Promise<void> {
  const target = await stat(path);
  if (target.isDirectory()) {
    await watchTarget(path, search.onFolder);
    await findInFolder(path, search);
  } else if (target.isFile() && search.wanted) {
    await addFile({ path, named: false }, search);
  }
}

/** What vanishes between listing and looking has been removed; anything else is an error to report. */
async function attempt(path: string, search: Search, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!isMissing(error)) search.found.push({ path, named: false, error: reasonOf(error) });
  }
}

async function addFile(file: Found, search: Search): Promise<void> {
  await watchTarget(file.path, search.onFolder);
  search.found.push(file);
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

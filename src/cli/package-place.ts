/**
 * Where the parts of this package lie. The sources run from src/cli, and what is built from them from dist/cli: both
 * are two folders below the package (build.ts keeps it so). A single executable has them within itself.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as sea from 'node:sea';
import { fileURLToPath } from 'node:url';

const FROM_SOURCES = import.meta.url.endsWith('.ts');
/** With this word a single executable is a worker of itself. */
export const WORKER_WORD = 'daemun:worker';

/** What a worker process runs: a module, or a word that this executable understands. */
export function workerEntry(): URL | string {
  if (sea.isSea()) return WORKER_WORD;
  return packagePlace(FROM_SOURCES ? 'src/cli/worker.ts' : 'dist/cli/worker.js');
}

/** A file of the package, such as `package.json`. */
export function packageText(path: string): string {
  return sea.isSea() ? sea.getAsset(path, 'utf8') : readFileSync(packagePlace(path), 'utf8');
}

/** A folder of the package; of a single executable a copy of it, until the process ends. */
export function packageFolder(path: string): string {
  if (!sea.isSea()) return fileURLToPath(packagePlace(path));
  const copy = mkdtempSync(join(tmpdir(), 'daemun-'));
  process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const key of sea.getAssetKeys().filter((name) => name.startsWith(`${path}/`))) {
    mkdirSync(dirname(join(copy, key)), { recursive: true });
    writeFileSync(join(copy, key), sea.getAsset(key, 'utf8'));
  }
  return join(copy, path);
}

function packagePlace(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/**
 * Where the parts of this package lie. The sources run from src/cli, and what is built from them from dist/cli: both
 * are two folders below the package (build.ts keeps it so).
 */
const FROM_SOURCES = import.meta.url.endsWith('.ts');

/** A file or folder of the package, such as `package.json`. */
export function packagePlace(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/** The module that a worker process runs. */
export function workerEntry(): URL {
  return packagePlace(FROM_SOURCES ? 'src/cli/worker.ts' : 'dist/cli/worker.js');
}

/** Which tests see a file, the nearest first. */
import { importsOf, isTypeScript, treeFiles } from '../house/tree.ts';

/** Test files that load a file when they run, by the number of imports between them; files in its folder come first. */
export class Nearest {
  readonly #importers = new Map<string, string[]>();

  constructor() {
    for (const path of treeFiles().filter(isTypeScript)) {
      for (const { to, form } of importsOf(path)) {
        if (form === 'type' || !to.endsWith('.ts')) continue;
        const held = this.#importers.get(to);
        if (held === undefined) this.#importers.set(to, [path]);
        else held.push(path);
      }
    }
  }

  testsOf(path: string): string[] {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const own = path.replace(/\.ts$/, '.test.ts');
    const rank = (test: string, distance: number): number =>
      test === own ? 0 : distance * 2 + (test.startsWith(folder) ? 0 : 1);
    return [...this.#distances(path)]
      .filter(([test]) => test.endsWith('.test.ts'))
      .sort(([a, far], [b, near]) => rank(a, far) - rank(b, near) || (a < b ? -1 : 1))
      .map(([test]) => test);
  }

  #distances(path: string): Map<string, number> {
    const distances = new Map([[path, 0]]);
    for (const [one, distance] of distances) {
      for (const importer of this.#importers.get(one) ?? []) {
        if (!distances.has(importer)) distances.set(importer, distance + 1);
      }
    }
    return distances;
  }
}

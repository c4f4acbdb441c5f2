import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FoundTree, filesOf } from './file-tree.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'daemun-tree-'));
});
afterEach(() => rm(root, { recursive: true }));

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), '');
  }
}

const short = (path: string): string => path.slice(root.length + 1) || '.';

async function look(limits?: { folders: number; files: number }): Promise<FoundTree & { read: string[] }> {
  const read: string[] = [];
  const onFolder = (folder: string, name?: string): void => {
    if (name === undefined) read.push(short(folder));
  };
  const { found, repeated } = await filesOf(root, onFolder, limits);
  return {
    found: found.map((one) => ({ ...one, path: short(one.path) })),
    repeated: repeated.map(({ path, first }) => ({ path: short(path), first: short(first) })),
    read,
  };
}

const paths = ({ found }: FoundTree): string[] => found.map(({ path }) => path);

describe('the files of a folder', () => {
  test('come folder by folder, in the order of their names', async () => {
    await put('b.yaml', 'a/z.yml', 'a-b/c.json', 'a/b/c.yaml', 'a/notes.txt', '.git/x.yaml');
    expect(paths(await look())).toEqual(['a/b/c.yaml', 'a/z.yml', 'a-b/c.json', 'b.yaml']);
  });

  test('are read once where folders are linked in circles, each with every other', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    for (const name of names) {
      await put(`${name}/x.yaml`);
      for (const other of names) await symlink(`../${other}`, join(root, name, `to-${other}`));
    }
    const tree = await look();
    expect(tree.read).toEqual(['.', ...names]);
    expect(paths(tree)).toEqual(names.map((name) => `${name}/x.yaml`));
    expect(tree.repeated).toHaveLength(names.length ** 2);
    expect(tree.repeated[1]).toEqual({ path: 'a/to-b', first: 'b' });
  });

  test('keep the place that is their own, whatever links to it come before', async () => {
    await put('z/x.yaml');
    await symlink('z', join(root, 'a'));
    const tree = await look();
    expect(paths(tree)).toEqual(['z/x.yaml']);
    expect(tree.repeated).toEqual([{ path: 'a', first: 'z' }]);
  });

  test('of a folder elsewhere are read under the first link to it', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'daemun-elsewhere-'));
    await writeFile(join(elsewhere, 'x.yaml'), '');
    await symlink(elsewhere, join(root, 'one'));
    await symlink(elsewhere, join(root, 'two'));
    const tree = await look();
    await rm(elsewhere, { recursive: true });
    expect(paths(tree)).toEqual(['one/x.yaml']);
    expect(tree.repeated).toEqual([{ path: 'two', first: 'one' }]);
  });

  test.each([
    [{ folders: 3, files: 100 }, ['.', 'a/x.yaml', 'b/x.yaml'], 'holds more than 3 folders'],
    [{ folders: 100, files: 2 }, ['.', 'a/x.yaml', 'b/x.yaml'], 'holds more than 2 files'],
  ])('are no more than %j', async (limits, expected, error) => {
    await put('a/x.yaml', 'b/x.yaml', 'c/x.yaml', 'd/x.yaml');
    const tree = await look(limits);
    expect(paths(tree)).toEqual(expected);
    expect(tree.found[0]?.error).toContain(error);
  });

  test('at a limit are all of them', async () => {
    await put('a/x.yaml', 'b/x.yaml');
    const tree = await look({ folders: 3, files: 2 });
    expect(tree.found.map(({ error }) => error)).toEqual([undefined, undefined]);
  });
});

import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSource } from './index.ts';
import { type SourceRig, testSource } from './source.suite.ts';

interface Named {
  kind: string;
  metadata: { name: string };
}

testSource('files', async (objects): Promise<SourceRig> => {
  const folder = await mkdtemp(join(tmpdir(), 'daemun-source-'));
  const pathOf = (kind: string, name: string): string => join(folder, `${kind}-${name}.json`);
  const put = async (object: object): Promise<void> => {
    const { kind, metadata } = object as Named;
    await writeFile(pathOf(kind, metadata.name), JSON.stringify(object));
  };
  for (const object of objects) await put(object);
  const source = fileSource({ paths: [folder], watch: true });
  return {
    source,
    put,
    remove: (kind, name) => unlink(pathOf(kind, name)),
    until: (holds) =>
      new Promise((resolve) => {
        if (holds()) return resolve();
        const stop = source.onReload(() => {
          if (!holds()) return;
          stop();
          resolve();
        });
      }),
    close: async () => {
      await source.close();
      await rm(folder, { recursive: true });
    },
  };
});

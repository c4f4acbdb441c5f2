import type { AnyResource } from '../api/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import { FileCache } from './file-cache.ts';
import { Inventory } from './inventory.ts';

/** Reads the objects of one text, as a file of that name is read. For whoever has YAML in hand and follows no changes. */
export function readManifest(text: string, file = 'manifest'): { resources: AnyResource[]; diagnostics: Diagnostic[] } {
  const content = new FileCache().parse(file, { bytes: Buffer.from(text) });
  const { resources, diagnostics } = new Inventory().take([{ path: file, named: true, content }]);
  return { resources: [...resources.values()], diagnostics };
}

/** Objects of kinds that are not read here, as they were written: for who looks at other gateways' manifests. */
import { parseAllDocuments } from 'yaml';
import { groupOf } from '../api/index.ts';
import { MAX_ALIASES, objectsIn } from './document.ts';
import type { ParsedChunk } from './file-cache.ts';
import { isObject, type JsonObject } from './schema/index.ts';

/** Of documents that have some of these groups. They are parsed once more: nobody else keeps what they say. */
export function foreignIn(chunks: readonly ParsedChunk[], groups: readonly string[]): JsonObject[] {
  return chunks
    .filter(({ entries }) => entries.some(({ admission }) => admission.verdict === 'foreign'))
    .flatMap(({ text }) =>
      parseAllDocuments(text, { merge: true, logLevel: 'silent' }).flatMap((document) => {
        const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
        return objectsIn(value, []).flatMap(({ object }) => {
          if (!isObject(object) || typeof object.apiVersion !== 'string') return [];
          return groups.includes(groupOf(object.apiVersion)) ? [object] : [];
        });
      }),
    );
}

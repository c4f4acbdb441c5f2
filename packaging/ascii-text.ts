/**
 * Bundles in ASCII: V8 keeps the text of a module for as long as it is loaded, with a byte a character where all of them are
 * ASCII, else two. Without comments, others stand in texts and patterns only, where an escape means the same.
 */
import type { Plugin } from 'rolldown';

export const asciiText: Plugin = {
  name: 'ascii-text',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === 'chunk') chunk.code = chunk.code.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/**
 * The quick way to a document's value: a parser that keeps no positions, for what nearly all documents are. What it
 * does not answer for goes to the thorough one in document.ts, which also finds the words and lines for what is wrong.
 */
import { CORE_SCHEMA, defineMappingTag, defineScalarTag, load, mapTag, NOT_RESOLVED } from 'js-yaml';

/** kubectl reads these plain words as booleans, as YAML 1.1 does. */
export const WORDY_BOOLEAN = /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/;

export function wordyBoolean(word: string): boolean {
  return /^(?:y|on)/i.test(word);
}

/** What is left to the thorough parser, with its limits and its judgement where parsers differ. */
const UNCOMMON = [
  // Anchors, aliases and tags.
  /(?:^|[\s,[{])[&*!]\S/,
  // Directives.
  /^%/m,
  // Tabs where indentation is.
  /^ *\t/m,
  // Block scalars that begin with a line of blanks, which may be deeper than the text.
  /[|>][-+0-9]*[ \t]*(?:#.*)?\r?\n[ \t]+\r?(?:\n|$)/,
];

const wordyBooleans = defineScalarTag('tag:yaml.org,2002:bool#wordy', {
  implicit: true,
  implicitFirstChars: [...'yYoOnN'],
  resolve: (word) => (WORDY_BOOLEAN.test(word) ? wordyBoolean(word) : NOT_RESOLVED),
  identify: () => false,
});

/** A key that is no string would be spelled anew here, and as written there. */
const stringKeys = defineMappingTag(mapTag.tagName, {
  ...mapTag,
  addPair: (object, key, value) =>
    typeof key === 'string' && key !== '<<' ? mapTag.addPair(object, key, value) : 'needs the thorough parser',
});

const SCHEMA = CORE_SCHEMA.withTags(wordyBooleans, stringKeys);

/** The value of a chunk with one plain document; undefined for everything else, whether it is right or wrong. */
export function plainValue(chunk: string): unknown {
  if (UNCOMMON.some((form) => form.test(chunk))) return undefined;
  try {
    return load(chunk, { schema: SCHEMA });
  } catch {
    // The thorough parser says what is wrong, if anything is.
    return undefined;
  }
}

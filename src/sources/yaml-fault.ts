import { type Document, Scalar, visit } from 'yaml';

/** What the YAML parser says of a document, without the words that it quotes: they may be part of a secret. */
const QUOTES = [
  /(?<=[A-Za-z)]): .*$/s,
  /(?<=^Invalid escape sequence) .*$/s,
  /(?<=^Plain value cannot start with (?:block scalar indicator|reserved character)) .*$/s,
  /(?<=^Unknown directive|^Unsupported YAML version) .*$/s,
  /(?<=^Verbatim tags aren't resolved).*$/s,
  /(?<=^The) .* (?=tag has no suffix$)/s,
];

/** Where its words are of its inside, ours. */
const IN_OTHER_WORDS: ReadonlyArray<readonly [RegExp, string]> = [
  [/^Flow map in block collection must be /, 'a { before this line has no }, or what is in it is not indented'],
  [/^Flow sequence in block collection must be /, 'a [ before this line has no ], or what is in it is not indented'],
  [/^Missing closing "quote/, 'the text that begins here with " has no " at its end'],
  [/^Missing closing 'quote/, "the text that begins here with ' has no ' at its end"],
];

export function yamlFault(error: unknown): string {
  const message = error instanceof Error ? error.message : 'an error without words';
  const words = IN_OTHER_WORDS.find(([pattern]) => pattern.test(message))?.[1];
  if (words !== undefined) return words;
  return QUOTES.reduce((text, quote) => text.replace(quote, ''), message);
}

/** What is not closed is noticed at the end of the document: the text that has no end is the last one in quotes. */
export function beginningOfFault(document: Document): number | undefined {
  const fault = document.errors[0];
  if (fault === undefined || !/^Missing closing .quote/.test(fault.message)) return fault?.pos[0];
  let begins: number | undefined;
  visit(document, {
    Scalar(_, { type, range }) {
      if (type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE') begins = range?.[0];
    },
  });
  return begins ?? fault.pos[0];
}

/**
 * Where a `*` begins an alias of nothing: most likely a host name without quotes. It is made the text that was meant, so
 * that what else the document says can be told.
 */
export function lonelyAlias(document: Document): number | undefined {
  const lonely: number[] = [];
  visit(document, {
    Alias(_, node) {
      if (node.resolve(document) !== undefined) return undefined;
      lonely.push(node.range?.[0] ?? 0);
      return new Scalar(`*${node.source}`);
    },
  });
  return lonely[0];
}

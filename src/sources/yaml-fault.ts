/** What the YAML parser says of a document, without the words that it quotes: they may be part of a secret. */
const QUOTES = [
  /(?<=[A-Za-z)]): .*$/s,
  /(?<=^Invalid escape sequence) .*$/s,
  /(?<=^Plain value cannot start with (?:block scalar indicator|reserved character)) .*$/s,
  /(?<=^Unknown directive|^Unsupported YAML version) .*$/s,
  /(?<=^Verbatim tags aren't resolved).*$/s,
  /(?<=^The) .* (?=tag has no suffix$)/s,
];

export function yamlFault(error: unknown): string {
  const message = error instanceof Error ? error.message : 'an error without words';
  return QUOTES.reduce((text, quote) => text.replace(quote, ''), message);
}

/** The form of paths that are compared as they are: as requests have them after they were normalised. */
const LITERAL_PATH = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/;

export const NO_LITERAL_PATH =
  "may have letters, digits, -/._~!$&'()*+,;=:@ and percent-encoded bytes; encode everything else, or write type: RegularExpression for a pattern";

export function isLiteralPath(path: string): boolean {
  return LITERAL_PATH.test(path);
}

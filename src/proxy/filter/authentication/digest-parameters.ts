/** What stands behind `Digest` in an Authorization line (RFC 7616 3.4). */

const NAMES = ['username', 'realm', 'nonce', 'uri', 'qop', 'nc', 'cnonce', 'response', 'algorithm'] as const;
type Name = (typeof NAMES)[number];

const ONE = /\s*([A-Za-z0-9*_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))\s*(?:,|$)/y;

/** Undefined for what has another form, or says one thing twice. What is not known here is passed over. */
export function readParameters(text: string): Partial<Record<Name, string>> | undefined {
  const said: Partial<Record<Name, string>> = {};
  const seen = new Set<string>();
  ONE.lastIndex = 0;
  while (ONE.lastIndex < text.length) {
    const found = ONE.exec(text);
    if (found === null) return undefined;
    const name = found[1]!.toLowerCase();
    // Names of users that are hashed, or in another encoding, are not taken: nobody offers them.
    if (seen.has(name) || name === 'username*' || (name === 'userhash' && found[3] === 'true')) return undefined;
    seen.add(name);
    if ((NAMES as readonly string[]).includes(name)) {
      said[name as Name] = found[2] === undefined ? found[3]! : found[2].replaceAll(/\\(.)/g, '$1');
    }
  }
  return said;
}

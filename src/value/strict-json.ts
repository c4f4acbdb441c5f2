/** JSON of which there is one way to read it: no name twice in one object, and no deeper than anybody needs. */

/** How deep objects and lists may stand in one another. */
export const MAX_JSON_DEPTH: number = 16;

/** Each string that is a name: in JSON that is sound, nothing else is followed by a colon. */
const NAME = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/** Throws an Error for what is no JSON, or not of one meaning. */
export function parseStrictly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  let names = 0;
  for (const [, colon] of text.matchAll(NAME)) if (colon !== undefined) names++;
  if (names !== namesIn(value, 0)) throw new SyntaxError('it has a name twice');
  return value;
}

function namesIn(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === MAX_JSON_DEPTH) throw new SyntaxError('it is nested too deep');
  const members = Object.values(value);
  let names = Array.isArray(value) ? 0 : members.length;
  for (const member of members) names += namesIn(member, depth + 1);
  return names;
}

/** Trailers that go on: what the rule, or a filter, says of a header line holds behind the body, too. */
import type { HeaderPatch } from '../filter/index.ts';
import { foldedName } from '../ground/head.ts';

/**
 * The lines, each with CRLF, without those that the patch replaces or removes. `imitations`: in whatever spelling CGI-like
 * backends take for the name.
 */
export function keptTrailers(lines: string, { drops }: HeaderPatch, imitations: boolean): string {
  if (lines === '' || drops.size === 0) return lines;
  const folded = imitations ? new Set([...drops].map(foldedName)) : drops;
  const kept = lines.split('\r\n').filter((line) => {
    const name = line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase();
    return !(imitations ? folded.has(foldedName(name)) : drops.has(name));
  });
  return kept.join('\r\n');
}

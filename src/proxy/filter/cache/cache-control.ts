/** What Cache-Control says (RFC 9111), whatever case it is written in. */

/**
 * Directives by name; without a value: ''. Of one that comes twice the stricter reading counts: the smaller number.
 * Whoever writes `max-age=60; private` means both.
 */
export function directivesOf(value: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of value.toLowerCase().split(/[,;]/)) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    const text =
      equals < 0
        ? ''
        : part
            .slice(equals + 1)
            .trim()
            .replace(/^"|"$/g, '');
    if (name === '') continue;
    const before = found.get(name);
    if (before === undefined || !(Number(before) <= Number(text))) found.set(name, text);
  }
  return found;
}

/** Seconds, or undefined where there are none. */
export function secondsOf(directives: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = directives.get(name);
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

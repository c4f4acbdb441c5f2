/** A value as YAML on one line, for messages that say what to write. */
export function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    return `{ ${entries.map(([name, one]) => `${name}: ${flow(one)}`).join(', ')} }`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[A-Za-z/][A-Za-z0-9_./-]*$/.test(value) && !WORDS.has(value.toLowerCase()) ? value : JSON.stringify(value);
}

/** Plain text that YAML takes for something else. */
const WORDS: ReadonlySet<string> = new Set(['true', 'false', 'yes', 'no', 'on', 'off', 'null', 'y', 'n']);

/** Settings as they are called, for what has no words of its own. */

/** Items of a list and settings of a policy that are told; of more the number. */
const MOST_ITEMS = 8;
const MOST_SETTINGS = 64;
/** Letters of a value. */
const MOST_LETTERS = 80;

/** Values of request headers may be secrets, and what is one is not told even by its name here. */
const SECRET = /(?:^|\.)(?:secret|login|credential|purges)(?:\.|$|\[)|(?:headers|query|set)(?:\[\d+\])?\.value$/;

/** `a.b value` for each that is set; `unit`: of numbers. */
export function settingsText(value: unknown, path: string, unit = ''): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) {
    const items = value.map((one: unknown) => (typeof one === 'object' ? JSON.stringify(one) : String(one)));
    return [`${path} ${items.join(' ')}`];
  }
  if (typeof value === 'object') {
    return Object.entries(value).flatMap(([name, one]) =>
      settingsText(one, path === '' ? name : `${path}.${name}`, /timeout$/i.test(name) ? ' ms' : unit),
    );
  }
  return [`${path} ${String(value as string | number | boolean)}${typeof value === 'number' ? unit : ''}`];
}

/** Each that is set, whatever words there are besides; lists and texts are cut. */
export function everySetting(settings: unknown): string[] {
  const all = flat(settings, '');
  const more = all.length - MOST_SETTINGS;
  return more > 0 ? [...all.slice(0, MOST_SETTINGS), `and ${more} more`] : all;
}

function flat(value: unknown, path: string): string[] {
  if (value === undefined || value === null || SECRET.test(path)) return [];
  if (Array.isArray(value)) return flatList(value, path);
  if (typeof value === 'object') {
    return Object.entries(value).flatMap(([name, one]) => flat(one, path === '' ? name : `${path}.${name}`));
  }
  const text = String(value as string | number | boolean);
  const shown = /\s/.test(text) ? JSON.stringify(text) : text;
  return [`${path} ${shown.length > MOST_LETTERS ? `${shown.slice(0, MOST_LETTERS)}…` : shown}`];
}

function flatList(items: readonly unknown[], path: string): string[] {
  const shown = items.slice(0, MOST_ITEMS);
  const more = items.length > shown.length ? [`${path} and ${items.length - shown.length} more`] : [];
  if (shown.some((one) => typeof one === 'object')) {
    return [...shown.flatMap((one, at) => flat(one, `${path}[${at}]`)), ...more];
  }
  return shown.length === 0 ? [] : [`${path} ${shown.join(', ')}`, ...more];
}

/** Which part of a line a field is: in flow style one line holds many. */

type Span = [start: number, end: number];

/** The field that is written there, or the nearest around it; in block style the whole line. */
export function fieldSpan(source: string, field: string): Span {
  let span: Span = [Math.max(0, source.search(/\S/)), source.length];
  if (!/[{[]/.test(source)) return span;
  let value = span;
  for (const step of stepsOf(field)) {
    const found = typeof step === 'number' ? itemOf(source, value, step) : memberOf(source, value, step);
    if (found === undefined) continue;
    span = found.span;
    value = found.value;
  }
  return span;
}

interface Found {
  /** With its name. */
  span: Span;
  value: Span;
}

function stepsOf(field: string): Array<string | number> {
  return Array.from(field.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g), ([, key, index, name]) =>
    index === undefined ? (key ?? name!) : Number(index),
  );
}

/** The first at the top of the value; the fields above the line's own are not in it. */
function memberOf(source: string, [start, end]: Span, name: string): Found | undefined {
  const escaped = name.replace(/[^\w-]/g, '\\$&');
  const pattern = new RegExp(`(?<![\\w-])["']?${escaped}["']?[ ]*:(?=[ {\\["]|$)`, 'g');
  pattern.lastIndex = start;
  for (let match = pattern.exec(source); match !== null && match.index < end; match = pattern.exec(source)) {
    if (depthAt(source, start, match.index) > 1) continue;
    const after = match.index + match[0].length;
    const from = after + source.slice(after).search(/\S|$/);
    const to = Math.min(end, endOfValue(source, from));
    return { span: [match.index, to], value: [from, to] };
  }
  return undefined;
}

function itemOf(source: string, [start, end]: Span, index: number): Found | undefined {
  if (source[start] !== '[') return undefined;
  let at = start + 1;
  for (let item = 0; at < end; item++) {
    const from = at + source.slice(at).search(/\S|$/);
    const to = Math.min(end, endOfValue(source, from));
    if (item === index) return { span: [from, to], value: [from, to] };
    at = source.indexOf(',', to) + 1;
    if (at === 0) return undefined;
  }
  return undefined;
}

function depthAt(source: string, start: number, at: number): number {
  let depth = 0;
  for (const { char } of structure(source, start)) {
    if (char.at >= at) break;
    depth += char.opens ? 1 : char.closes ? -1 : 0;
  }
  return depth;
}

/** Where a value ends: at the comma or bracket after it. */
function endOfValue(source: string, from: number): number {
  let depth = 0;
  for (const { char } of structure(source, from)) {
    if (depth === 0 && (char.closes || char.comma)) return trimmed(source, from, char.at);
    depth += char.opens ? 1 : char.closes ? -1 : 0;
    if (depth === 0 && char.closes) return char.at + 1;
  }
  return source.length;
}

function trimmed(source: string, from: number, to: number): number {
  return from + source.slice(from, to).trimEnd().length;
}

/** Brackets and commas that stand in no quotes. */
function* structure(source: string, from: number) {
  let quote = '';
  for (let at = from; at < source.length; at++) {
    const text = source[at]!;
    if (quote !== '') {
      if (text === quote) quote = '';
    } else if (text === '"' || text === "'") quote = text;
    else if ('{}[],'.includes(text)) {
      yield { char: { at, opens: '{['.includes(text), closes: '}]'.includes(text), comma: text === ',' } };
    }
  }
}

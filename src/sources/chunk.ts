/** A part of a file that can be parsed by itself: the lines from one `---` to the next, or one JSON object of several. */
export interface Chunk {
  text: string;
  /** Lines of the file before it. */
  line: number;
}

const MARKER = /^\uFEFF?---(?=[ \t\r\n]|$)/gm;

/**
 * Cuts a file where documents start. YAML ends a document at such a line wherever it stands, even in a block
 * scalar, so no parsing is needed, and a document that did not change need not be parsed again.
 */
export function chunksOf(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let start = 0;
  let marker = 0;
  let line = 0;
  const cut = (end: number): void => {
    const preamble = isPreamble(text.slice(marker, end));
    marker = end;
    if (preamble) return;
    for (const part of jsonObjectsOf(text.slice(start, end))) {
      chunks.push({ text: part, line });
      line += countLines(part);
    }
    start = end;
  };
  for (const { index } of text.matchAll(MARKER)) if (index > start) cut(index);
  cut(text.length);
  return chunks;
}

/** Nothing but comments, blank lines and directives (`%YAML 1.2`), which belong to the document that follows. */
function isPreamble(text: string): boolean {
  return /^(?:\uFEFF?(?:(?:---)?[ \t]*(?:#.*)?\r?\n|%.*\r?\n))*\uFEFF?(?:---)?[ \t]*(?:#.*)?$/.test(text);
}

export function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/**
 * Files joined with `cat` have a byte order mark at later lines, too. YAML allows it before a document and kubectl takes
 * it where a file of its own begins; nowhere else does a line begin with one.
 */
export function withoutByteOrderMarks(text: string): string {
  return text.includes('\uFEFF') ? text.replace(/^\uFEFF/gm, '') : text;
}

const JSON_START = /^(?:\uFEFF?(?:(?:---)?[ \t]*(?:#.*)?\r?\n))*\uFEFF?(?:---[ \t]+)?[ \t]*(?=\{)/;

/**
 * JSON objects that follow one another without a mark between them, as kubectl takes them. In YAML nothing but a comment
 * can follow the brace that ends a mapping, so that no document of it is cut.
 */
function jsonObjectsOf(text: string): string[] {
  const objects: string[] = [];
  let start = 0;
  let at = JSON_START.exec(text)?.[0].length;
  while (at !== undefined) {
    const next = nextObject(text, jsonEnd(text, at));
    if (next !== undefined) {
      objects.push(text.slice(start, next));
      start = next;
    }
    at = next;
  }
  objects.push(text.slice(start));
  return objects;
}

/** Where another object begins, if nothing else stands before it. */
function nextObject(text: string, from: number | undefined): number | undefined {
  if (from === undefined) return undefined;
  SPACE.lastIndex = from;
  SPACE.test(text);
  const at = SPACE.lastIndex;
  return text[at] === '{' ? at : undefined;
}

const SPACE = /[\s\uFEFF]*/y;
const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
/** Neither stands in JSON outside of a string, and in YAML both hide braces. */
const OTHERS = new Set(["'".charCodeAt(0), '#'.charCodeAt(0)]);

/** The offset behind the object that begins at this one; undefined where it is not closed, or is no JSON. */
function jsonEnd(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
    } else if (code === OPEN) {
      depth++;
    } else if (code === CLOSE) {
      depth--;
      if (depth === 0) return at + 1;
    } else if (OTHERS.has(code)) {
      return undefined;
    }
  }
  return undefined;
}

/** The offset of the quote that ends the string. */
function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
} from 'yaml';
import { type Admission, admit, likelyKey } from './admission.ts';
import { recognise } from './conversion.ts';
import { type Diagnostic, type FieldPath, fieldName } from './diagnostic.ts';
import { plainValue, WORDY_BOOLEAN, wordyBoolean } from './plain-document.ts';
import { isObject, type Problem } from './schema/index.ts';
import { yamlFault } from './yaml-fault.ts';

/** A part of a file that can be parsed by itself: the lines from one `---` to the next. */
export interface Chunk {
  text: string;
  /** Lines of the file before it. */
  line: number;
}

/** A diagnostic before it is known where its chunk stands: `line` counts from 0 in the chunk. */
export type Note = Pick<Diagnostic, 'severity' | 'line' | 'field' | 'message'>;

/** What one object of a chunk came to. `line` counts from 0 in the chunk. */
export interface Entry {
  line: number;
  /** verdict refused without a key also stands for a document that cannot be parsed. */
  admission: Admission;
  notes: Note[];
}

/** Lists of lists are followed this deep. */
const MAX_LIST_DEPTH = 4;
/** How often a document may repeat an anchor's content before it is refused. */
const MAX_ALIASES = 100;

/** Without such a word, what cannot be parsed was hardly meant to be a manifest. */
const MARK = /\b(?:apiVersion|kind|metadata)\b/;

const MARKER = /^---(?=[ \t\r\n]|$)/gm;

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
    const part = text.slice(start, end);
    chunks.push({ text: part, line });
    line += countLines(part);
    start = end;
  };
  for (const { index } of text.matchAll(MARKER)) if (index > start) cut(index);
  cut(text.length);
  return chunks;
}

/** Nothing but comments, blank lines and directives (`%YAML 1.2`), which belong to the document that follows. */
function isPreamble(text: string): boolean {
  return /^(?:(?:---)?[ \t]*(?:#.*)?\r?\n|%.*\r?\n)*(?:---)?[ \t]*(?:#.*)?$/.test(text);
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

const wordyBooleans: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: WORDY_BOOLEAN,
  resolve: wordyBoolean,
};

/** Parses a chunk and judges its objects. Never throws: what cannot be read becomes a refused entry. */
export function entriesOf(chunk: string): Entry[] {
  return faultlessEntry(chunk) ?? thoroughEntries(chunk);
}

/** Of a document with one object and nothing to be said about it: then no positions are needed, which cost the most. */
function faultlessEntry(chunk: string): Entry[] | undefined {
  const value = plainValue(chunk);
  if (!isObject(value) || Array.isArray(value.items)) return undefined;
  const admission = admit(value);
  if (admission.verdict === 'refused' || (admission.verdict === 'accepted' && admission.problems.length > 0)) {
    return undefined;
  }
  return [{ line: firstContentLine(chunk), admission, notes: [] }];
}

const EMPTY_LINES = /^(?:(?:---)?[ \t]*(?:#.*)?\r?\n|---[ \t]+(?=\S))*/;

function firstContentLine(chunk: string): number {
  return countLines(EMPTY_LINES.exec(chunk)?.[0] ?? '');
}

/** With the line of everything that there is to be said about. */
export function thoroughEntries(chunk: string): Entry[] {
  const lines = new LineCounter();
  try {
    const documents = parseAllDocuments(chunk, {
      lineCounter: lines,
      customTags: (tags) => [...tags, wordyBooleans],
      merge: true,
      prettyErrors: false,
      stringKeys: true,
      logLevel: 'silent',
    });
    if (!Array.isArray(documents)) return [];
    // What is not closed is noticed at the end only, and that may be the line after the last.
    const last = countLines(chunk.trimEnd());
    return documents.flatMap((document) => read(document, { lines, last, unmarked: !MARK.test(chunk) }));
  } catch (error) {
    return [unreadable({ line: 0, message: `cannot be read: ${yamlFault(error)}`, unmarked: !MARK.test(chunk) })];
  }
}

interface Reading {
  lines: LineCounter;
  last: number;
  unmarked: boolean;
}

function read(document: Document, { lines, last, unmarked }: Reading): Entry[] {
  const fault = document.errors[0];
  if (fault) {
    const line = Math.min(lines.linePos(fault.pos[0]).line - 1, last);
    const message = `is not valid YAML: ${yamlFault(fault)}`;
    return [unreadable({ line, message, key: keyInRuins(document), unmarked })];
  }
  if (document.contents === null) return [];
  const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
  if (value === null) return [];
  return objectsIn(value, []).map(({ object, path }) => {
    const admission = admit(object);
    const problems = admission.verdict === 'foreign' ? [] : admission.problems;
    return {
      line: lineAt(document, lines, path),
      admission,
      notes: problems.map((problem) => noteOf(problem, lineAt(document, lines, [...path, ...problem.path]))),
    };
  });
}

function noteOf({ severity, path, message }: Problem, line: number): Note {
  return { severity, line, field: fieldName(path), message };
}

/** The objects of a document: itself, or the items of a List. */
function objectsIn(value: unknown, path: FieldPath): Array<{ object: unknown; path: FieldPath }> {
  if (!isObject(value) || typeof value.kind !== 'string' || !Array.isArray(value.items))
    return [{ object: value, path }];
  if (!value.kind.endsWith('List') || path.length / 2 >= MAX_LIST_DEPTH) return [{ object: value, path }];
  const kind = value.kind.slice(0, -'List'.length);
  // Items of a typed list may leave out what the list says.
  const inherited = kind === '' ? {} : { apiVersion: value.apiVersion, kind };
  return value.items.flatMap((item: unknown, index) =>
    objectsIn(isObject(item) ? { ...inherited, ...item } : item, [...path, 'items', index]),
  );
}

/** What of a document that does not parse can still be told: which object it was going to be. */
function keyInRuins(document: Document): string | undefined {
  try {
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES });
    if (!isObject(value) || typeof value.apiVersion !== 'string' || typeof value.kind !== 'string') return undefined;
    const recognition = recognise(value.apiVersion, value.kind);
    return recognition.found === 'foreign' ? undefined : likelyKey(recognition.kind, value);
  } catch {
    // Nothing more to learn: the document is reported as unreadable already.
    return undefined;
  }
}

interface Ruins {
  line: number;
  message: string;
  key?: string;
  unmarked: boolean;
}

function unreadable({ line, message, key, unmarked }: Ruins): Entry {
  const admission: Admission = { verdict: 'refused', key, problems: [], unmarked };
  return { line, admission, notes: [{ severity: 'error', line, field: '', message }] };
}

/** The line (from 0) of a field, or of what surrounds it where the field is missing or came from a default. */
function lineAt(document: Document, lines: LineCounter, path: FieldPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
      if (!pair) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number' && node.items[step]) {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else {
      break;
    }
  }
  return offset === undefined ? 0 : lines.linePos(offset).line - 1;
}

function startOf(node: unknown): number | undefined {
  return (node as Partial<Node> | null)?.range?.[0];
}

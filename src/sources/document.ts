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
  type YAMLError,
} from 'yaml';
import { type Admission, admit, likelyKey, type Unmarked } from './admission.ts';
import { countLines, withoutByteOrderMarks } from './chunk.ts';
import { recognise } from './conversion.ts';
import { type Diagnostic, type FieldPath, fieldName } from './diagnostic.ts';
import { plainValue, WORDY_BOOLEAN, wordyBoolean } from './plain-document.ts';
import { isObject, type Problem, UNRENDERED } from './schema/index.ts';
import { beginningOfFault, lonelyAlias, yamlFault } from './yaml-fault.ts';

/** A diagnostic before it is known where its chunk stands: `line` counts from 0 in the chunk. */
export type Note = Pick<Diagnostic, 'severity' | 'line' | 'field' | 'message' | 'unread'>;

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
export const MAX_ALIASES = 100;

/** Without such a word, what cannot be parsed was hardly meant to be a manifest. */
const MARK = /\b(?:apiVersion|kind|metadata)\b/;

function unmarkedText(chunk: string): Unmarked | undefined {
  return MARK.test(chunk) ? undefined : 'other';
}

const wordyBooleans: ScalarTag = {
  default: true,
  tag: 'tag:yaml.org,2002:bool',
  test: WORDY_BOOLEAN,
  resolve: wordyBoolean,
};

/** Parses a chunk and judges its objects. Never throws: what cannot be read becomes a refused entry. */
export function entriesOf(text: string): Entry[] {
  const chunk = withoutByteOrderMarks(text);
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
    return documents.flatMap((document) => read(document, { chunk, lines, last, unmarked: unmarkedText(chunk) }));
  } catch (error) {
    return [unreadable({ line: 0, message: `cannot be read: ${yamlFault(error)}`, unmarked: unmarkedText(chunk) })];
  }
}

interface Reading {
  chunk: string;
  lines: LineCounter;
  /** The last line that says anything. */
  last: number;
  unmarked: Unmarked | undefined;
}

function read(document: Document, { chunk, lines, last, unmarked }: Reading): Entry[] {
  const fault = document.errors[0];
  if (fault) {
    const line = Math.min(lines.linePos(beginningOfFault(document) ?? 0).line - 1, last);
    return [unreadable({ line, message: faultMessage(fault, chunk), key: keyInRuins(document), unmarked })];
  }
  const lonely = chunk.includes('*') ? lonelyAlias(document) : undefined;
  if (lonely !== undefined) {
    const line = lines.linePos(lonely).line - 1;
    return [unreadable({ line, message: UNQUOTED_STAR, key: keyInRuins(document), unmarked })];
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
      notes: problems.map((problem) => noteOf(object, problem, lineAt(document, lines, [...path, ...problem.path]))),
    };
  });
}

/** People know a listener by its name, and not by its place in the list. */
function noteOf(object: unknown, { severity, path, message, unread }: Problem, line: number): Note {
  const name = path[1] === 'listeners' ? listenerName(object, path[2]) : undefined;
  const note: Note = {
    severity,
    line,
    field: fieldName(path),
    message: name ? `listener ${name}: ${message}` : message,
  };
  if (unread) note.unread = unread;
  return note;
}

function listenerName(object: unknown, at: string | number | undefined): string | undefined {
  const spec = isObject(object) ? object.spec : undefined;
  const list = isObject(spec) ? spec.listeners : undefined;
  const listener: unknown = Array.isArray(list) && typeof at === 'number' ? list[at] : undefined;
  return isObject(listener) && typeof listener.name === 'string' ? listener.name : undefined;
}

/** What is quoted might be a secret: the example is another. */
const UNQUOTED_STAR = 'is not valid YAML: a value that begins with * needs quotes, such as "*.example.com"';

/** Fields that an object has once, at its top: where one comes again, another object begins. */
const TOP_FIELD = /^(apiVersion|kind|metadata)[ \t]*:/;

const ANY_FIELD = /^([A-Za-z][\w.-]{0,62})[ \t]*:/;

/** A fault may be noticed only where the next line begins. */
function lineAround(chunk: string, offset: number): string {
  const start = chunk.lastIndexOf('\n', chunk.lastIndexOf('\n', offset - 1) - 1) + 1;
  const end = chunk.indexOf('\n', offset);
  return chunk.slice(start, end < 0 ? undefined : end);
}

/** Mistakes that a YAML parser has no name for come first. */
function faultMessage(fault: YAMLError, chunk: string): string {
  if (lineAround(chunk, fault.pos[0]).includes('{{')) return `is not valid YAML: ${UNRENDERED}`;
  const field = fault.code === 'DUPLICATE_KEY' ? TOP_FIELD.exec(chunk.slice(fault.pos[0]))?.[1] : undefined;
  const column = fault.pos[0] - (chunk.lastIndexOf('\n', fault.pos[0] - 1) + 1);
  if (field !== undefined && column === 0) {
    return `is not valid YAML: ${field} comes a second time; two objects need a line with --- between them`;
  }
  const twice = fault.code === 'DUPLICATE_KEY' ? ANY_FIELD.exec(chunk.slice(fault.pos[0]))?.[1] : undefined;
  if (twice !== undefined) return `is not valid YAML: ${twice} stands here a second time; remove one of the two`;
  return `is not valid YAML: ${yamlFault(fault)}`;
}

/** The objects of a document: itself, or the items of a List. */
export function objectsIn(value: unknown, path: FieldPath): Array<{ object: unknown; path: FieldPath }> {
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
  unmarked: Unmarked | undefined;
}

function unreadable({ line, message, key, unmarked }: Ruins): Entry {
  const admission: Admission = { verdict: 'refused', key, problems: [], ...(unmarked ? { unmarked } : {}) };
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

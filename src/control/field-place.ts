/** The line of a field of an object, found in the document that the object stands in. */
import { isMap, isNode, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Place } from '../sources/index.ts';

export interface FieldPlace {
  /** '' and 0 where it is not known. */
  file: string;
  line: number;
}

type PlaceOfObject = (key: string) => Place | undefined;

interface ParsedText {
  lines: LineCounter;
  roots: Node[];
}

interface Found {
  /** What the line was found in: while it stays the same, so does the line. */
  text: string;
  /** Lines from the object to the field. */
  below: number;
}

const NOWHERE: FieldPlace = { file: '', line: 0 };

/** Answers for all diagnostics of a run, again and again; what did not change is not parsed again. */
export class FieldPlaces {
  readonly #placeOf: PlaceOfObject;
  #known = new Map<string, Found>();

  constructor(placeOf: PlaceOfObject) {
    this.#placeOf = placeOf;
  }

  /**
   * For one round of questions: where a field such as `spec.rules[0].backendRefs[1]` of an object is. The deepest part
   * of the path that exists stands for a field that was left out. What a round does not ask for is forgotten.
   */
  round(): (object: string, field: string) => FieldPlace {
    const before = this.#known;
    const now = new Map<string, Found>();
    this.#known = now;
    /** Of a document with several objects, and of several fields. */
    const parsed = new Map<string, ParsedText | undefined>();
    return (object, field) => {
      const place = this.#placeOf(object);
      if (!place) return NOWHERE;
      const { file, line, document } = place;
      if (!document || field === '') return { file, line };
      const id = `${object}\n${field}`;
      let found = before.get(id);
      if (found?.text !== document.text) {
        if (!parsed.has(document.text)) parsed.set(document.text, parse(document.text));
        const own = line - document.line;
        const at = { line: own, path: steps(field) };
        found = { text: document.text, below: (fieldLine(parsed.get(document.text), at) ?? own) - own };
      }
      now.set(id, found);
      return { file, line: line + found.below };
    };
  }
}

function parse(text: string): ParsedText | undefined {
  try {
    const lines = new LineCounter();
    const documents = parseAllDocuments(text, { lineCounter: lines, logLevel: 'silent' });
    const roots = [...documents].flatMap(({ contents }) => (isNode(contents) ? [contents] : []));
    return { lines, roots: roots.flatMap(listItems) };
  } catch {
    // It was read once, by the sources: whatever this is, the object's own line must do.
    return undefined;
  }
}

function listItems(root: Node): Node[] {
  const items = isMap(root) ? root.get('items', true) : undefined;
  return isSeq(items) ? items.items.filter(isNode) : [root];
}

function fieldLine(parsed: ParsedText | undefined, at: { line: number; path: string[] }): number | undefined {
  if (!parsed) return undefined;
  const { lines, roots } = parsed;
  const lineOf = (node: Node) => lines.linePos(node.range?.[0] ?? 0).line;
  const root = roots.findLast((node) => lineOf(node) <= at.line) ?? roots[0];
  if (!root) return undefined;
  let node: Node = root;
  let line: number | undefined;
  for (const step of at.path) {
    const next = child(node, step);
    if (!next) break;
    line = lineOf(next.place);
    node = next.node;
  }
  return line;
}

/** The node below, and the one that shows where it is: of a member its name. */
function child(node: Node, step: string): { node: Node; place: Node } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return isNode(item) ? { node: item, place: item } : undefined;
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isNode(key) && String(key) === step);
  return pair && isNode(pair.key) && isNode(pair.value) ? { node: pair.value, place: pair.key } : undefined;
}

/** `spec.rules[0].data["a.b"]` as its steps. */
function steps(field: string): string[] {
  return Array.from(field.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g), (m) => m[1] ?? m[2] ?? m[3]!);
}

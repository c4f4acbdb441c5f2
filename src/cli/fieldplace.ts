/** The line of a field of an object, found in the file that the object stands in. */
import { readFileSync } from 'node:fs';
import { isMap, isNode, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';

export interface FieldPlace {
  /** '' and 0 where it is not known. */
  file: string;
  line: number;
}

type PlaceOfObject = (key: string) => FieldPlace | undefined;

interface ParsedText {
  lines: LineCounter;
  roots: Node[];
}

const NOWHERE: FieldPlace = { file: '', line: 0 };

/**
 * Answers where a field such as `spec.rules[0].backendRefs[1]` is; the deepest part of the path that exists stands
 * for a field that was left out. Each file is read once.
 */
export function fieldPlaces(placeOf: PlaceOfObject): (object: string, field: string) => FieldPlace {
  const files = new Map<string, ParsedText | undefined>();
  return (object, field) => {
    const place = placeOf(object);
    if (!place) return NOWHERE;
    if (!files.has(place.file)) files.set(place.file, parse(place.file));
    const parsed = files.get(place.file);
    const line = parsed && field !== '' ? fieldLine(parsed, { line: place.line, path: steps(field) }) : undefined;
    return { file: place.file, line: line ?? place.line };
  };
}

function parse(file: string): ParsedText | undefined {
  try {
    const lines = new LineCounter();
    const documents = parseAllDocuments(readFileSync(file, 'utf8'), { lineCounter: lines, logLevel: 'silent' });
    const roots = [...documents].flatMap(({ contents }) => (isNode(contents) ? [contents] : []));
    return { lines, roots: roots.flatMap(listItems) };
  } catch {
    // Standard input, or a file that is gone by now: the object's own line must do.
    return undefined;
  }
}

function listItems(root: Node): Node[] {
  const items = isMap(root) ? root.get('items', true) : undefined;
  return isSeq(items) ? items.items.filter(isNode) : [root];
}

function fieldLine({ lines, roots }: ParsedText, at: { line: number; path: string[] }): number | undefined {
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

/** Lines of manifests as they may be shown. What is secret is said by the schemas; what cannot be judged is not shown. */
import { isAlias, isMap, isSeq, type Node, parseAllDocuments } from 'yaml';
import { KINDS, type Kind } from '../api/index.ts';
import { chunksOf, withoutByteOrderMarks } from './chunk.ts';
import { holdsSecret, SCHEMAS, type Schema } from './schema/index.ts';

const MASK = '•••';
/** In a document that does not parse, anything of these may be what is secret, or the name of it. */
const SUSPICIOUS = /secret|stringdata|headermodifier|private key|password|token|credential|\bdata["']?\s*:/i;
/** An annotation with the object itself as text, and all that is secret in it. */
const COPY = 'kubectl.kubernetes.io/last-applied-configuration';

/** The lines of a file, each undefined where it may not be shown. */
export function shownLines(text: string): Array<string | undefined> {
  const shown: Array<string | undefined> = [];
  for (const chunk of chunksOf(text)) {
    // Its last piece is no line where the next chunk begins one, and its first may go on with a line.
    for (const [at, piece] of shownChunk(chunk.text).entries()) {
      const line = chunk.line + at;
      const before = line < shown.length ? shown[line] : '';
      shown[line] = piece === undefined || before === undefined ? undefined : before + piece;
    }
  }
  if (shown.at(-1) === '') shown.pop();
  return shown;
}

function shownChunk(text: string): Array<string | undefined> {
  const lines = text.split(/\r?\n/);
  const masked = maskedText(withoutByteOrderMarks(text))?.split(/\r?\n/);
  // An empty piece hides nothing, and belongs to the next chunk.
  return lines.map((line, at) => (line === '' ? '' : masked && (masked[at] ?? '')));
}

function maskedText(text: string): string | undefined {
  try {
    const documents = [...parseAllDocuments(text, { merge: true, logLevel: 'silent' })];
    if (documents.some(({ errors }) => errors.length > 0)) return isHarmless(text) ? text : undefined;
    const ranges: Array<[number, number]> = [];
    for (const document of documents) {
      if (document.contents === null) continue;
      const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
      if (!secretsOf(document.contents, resolve, ranges)) return undefined;
    }
    return masked(text, ranges);
  } catch {
    return undefined;
  }
}

/** Named as a kind that holds no secrets, and without a word of those that might. */
function isHarmless(text: string): boolean {
  const named = [...text.matchAll(/^\s*kind:\s*["']?(\w+)/gm)].map(([, kind]) => kind!);
  return named.length > 0 && named.every(isPublic) && !SUSPICIOUS.test(text);
}

function isPublic(kind: string): kind is Kind {
  return Object.hasOwn(KINDS, kind) && !SCHEMAS[kind as Kind].secret;
}

type Resolve = (node: unknown) => unknown;

/** Notes where secrets stand; false where the object is of a kind that is secret as a whole, or unknown. */
function secretsOf(root: Node, resolve: Resolve, ranges: Array<[number, number]>): boolean {
  const items = isMap(root) ? resolve(root.get('items', true)) : undefined;
  const objects = isSeq(items) ? items.items.map(resolve) : [root];
  const inherited = isMap(root) && isSeq(items) ? String(root.get('kind')).replace(/List$/, '') : '';
  return objects.every((object) => {
    if (!isMap(object)) return false;
    const kind = String(object.get('kind') ?? inherited);
    if (!isPublic(kind)) return false;
    mask(object, SCHEMAS[kind], { resolve, ranges });
    return true;
  });
}

interface Masking {
  resolve: Resolve;
  ranges: Array<[number, number]>;
}

function mask(given: unknown, schema: Schema, masking: Masking): void {
  const node = masking.resolve(given);
  if (schema.secret || (!isOfForm(node, schema) && holdsSecret(schema))) return hide(node, masking);
  if (schema.type === 'object' && isMap(node)) {
    for (const { key, value } of node.items) {
      const name = String(key);
      // A merged map has fields of the map around it.
      if (name === '<<') mask(value, schema, masking);
      else if (Object.hasOwn(schema.fields, name)) mask(value, schema.fields[name]!.schema, masking);
      // Misspelt, it is no less of a secret.
      else if (!schema.unread.has(name)) hide(masking.resolve(value), masking);
    }
  } else if (schema.type === 'map' && isMap(node)) {
    for (const { key, value } of node.items) {
      if (String(key) === COPY) hide(masking.resolve(value), masking);
      else mask(value, schema.value, masking);
    }
  } else if (schema.type === 'list' && isSeq(node)) {
    for (const item of node.items) mask(item, schema.items, masking);
  }
}

function isOfForm(node: unknown, { type }: Schema): boolean {
  if (type === 'list') return isSeq(node);
  return type === 'object' || type === 'map' ? isMap(node) : true;
}

function hide(node: unknown, { ranges }: Masking): void {
  const range = (node as Partial<Node> | null)?.range;
  if (range) ranges.push([range[0], range[1]]);
}

/** Line breaks stay, so that lines keep their numbers. */
function masked(text: string, ranges: Array<[number, number]>): string {
  let out = text;
  for (const [start, end] of ranges.sort(([a], [b]) => b - a)) {
    const breaks = '\n'.repeat(text.slice(start, end).split('\n').length - 1);
    out = out.slice(0, start) + MASK + breaks + out.slice(end);
  }
  return out;
}

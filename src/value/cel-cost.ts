/**
 * What an expression of CEL may cost, counted before it is ever asked: one step is about a nanosecond. Whoever writes
 * expressions and sends requests to them holds up everybody on the worker for as long as they take.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** Steps that an expression may take for the longest request, and all of one policy together: two ms. */
export const MAX_CEL_STEPS = 2_000_000;
/** Bytes of a request that an expression is counted for. */
export const COUNTED_BYTES: number = 32 * 1024;
/** Header lines that it is counted for. */
export const COUNTED_LINES = 1_024;
/** Items of one claim that it is counted for: as many as a token has room for. */
export const COUNTED_ITEMS: number = 8 * 1024;
/** Loops (all, exists, map, filter) that may stand in one another: a request's headers are few. */
export const MAX_CEL_LOOPS = 1;

/** Of one node, whatever it does. */
const NODE_STEPS = 12.5;
/** Of each byte of what is copied or compared. */
const BYTE_STEPS = 0.25;
/** Of each byte whose letters are counted or found by number. */
const LETTER_STEPS = 5;
/** Of a search, for each byte that is looked through, and for each byte of the text and of what is looked for. */
const SEARCH_STEPS = 2;
/** The same from the end. */
const BACKWARD_STEPS = 13;
const COMPARE_STEPS = 1 / 32;
/** Of a piece that text is cut into. */
const PIECE_STEPS = 12.5;
/** Of a value that is taken for one of another type. */
const TYPE_STEPS = 150;
/** Of each header line where all are looked at as one value. */
const LINE_STEPS = 40;
/** Of a time or a duration that is read, and of what is asked of one. */
const TIME_STEPS = 500;
/** Of a time in a time zone. */
const ZONE_STEPS = 50_000;

const LOOPS: readonly string[] = ['all', 'exists', 'exists_one', 'map', 'filter'];
const SEARCHES: readonly string[] = ['contains', 'indexOf', 'lastIndexOf'];
/** What takes as long as its arguments are, and makes nothing longer than twice as long. */
const LINEAR: ReadonlySet<string> = new Set([
  ...['bool', 'bytes', 'double', 'duration', 'dyn', 'has', 'int', 'size', 'string', 'timestamp', 'type', 'uint'],
  ...['at', 'base64', 'endsWith', 'hex', 'lowerAscii', 'startsWith', 'substring', 'trim', 'upperAscii'],
  ...['getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getFullYear', 'getHours', 'getMilliseconds'],
  ...['getMinutes', 'getMonth', 'getSeconds'],
]);

/** What goes over letters, which are not as long as their bytes. */
const LETTERS: ReadonlySet<string> = new Set(['at', 'size', 'substring']);
const TYPES: ReadonlySet<string> = new Set(['bool', 'double', 'dyn', 'int', 'string', 'type', 'uint']);
const TIMES: ReadonlySet<string> = new Set(['duration', 'timestamp']);

/** How large a value may be. */
interface Size {
  /** Bytes, of all items together. */
  most: number;
  /** The same on average over the turns of the loop: the headers of a request share its bytes. */
  mean: number;
  items: number;
  /** It is no text. */
  isList?: boolean;
}

interface Loop {
  name: string;
  item: Size;
  overHeaders: boolean;
}

/** Steps for the longest request, and for one that has nothing. Between them it is less than in proportion. */
export interface CelCost {
  readonly most: number;
  readonly least: number;
}

/** Throws an Error with the reason where it may cost too much, or what it calls is not known. */
export function costOf(ast: ASTNode): CelCost {
  const most = stepsOf(ast, COUNTED);
  if (most > MAX_CEL_STEPS) {
    throw new Error('may take too long for a long request: look for fewer or shorter texts, or in fewer places');
  }
  return { most, least: stepsOf(ast, NOTHING) };
}

function stepsOf(ast: ASTNode, request: Size): number {
  const count = new Count(request);
  count.sizeOf(ast);
  return count.steps;
}

class Count {
  steps = 0;
  readonly #request: Size;
  #turns = 1;
  #loop: Loop | undefined;

  constructor(request: Size) {
    this.#request = request;
  }

  sizeOf(node: ASTNode): Size {
    this.#spend(NODE_STEPS);
    switch (node.op) {
      case 'value':
        return literal(node.args);
      case 'id':
        return node.args === this.#loop?.name ? this.#loop.item : this.#request;
      case '.':
      case '.?':
        return this.#inside(this.sizeOf(node.args[0]), itemsOf(node.args, this.#request));
      case '[]':
      case '[?]':
        return this.#element(node.args);
      case 'call':
        return this.#call(node.args[0], node.args[1]);
      case 'rcall':
        return this.#method(...node.args);
      case 'map':
        return this.#sum(node.args.flat());
      case '?:':
        return largest(node.args.map((one) => this.sizeOf(one)));
      case '!_':
      case '-_':
        return this.sizeOf(node.args);
      case 'list':
      case '+':
        return this.#sum(node.args);
      default:
        this.#sum(node.args);
        return SMALL;
    }
  }

  #spend(steps: number): void {
    this.steps += steps * this.#turns;
  }

  /** Of a member nothing is known but that it is within. */
  #inside({ most, mean }: Size, items: number): Size {
    return { most, mean, items };
  }

  #element([list, index]: [ASTNode, ASTNode]): Size {
    const { most, mean, items } = this.sizeOf(list);
    this.#spend(this.sizeOf(index).mean * BYTE_STEPS);
    const loop = this.#loop;
    if (loop?.overHeaders && isHeaders(list) && index.op === 'id' && index.args === loop.name) return loop.item;
    return { most, mean, items };
  }

  /** What is as large as all of these together. */
  #sum(nodes: readonly ASTNode[]): Size {
    const sizes = nodes.map((one) => this.sizeOf(one));
    const sum = {
      most: total(sizes, 'most'),
      mean: total(sizes, 'mean'),
      // One item each, or as many as lists have that become one.
      items: Math.max(nodes.length, total(sizes, 'items')),
      isList: sizes[0]?.isList === true,
    };
    this.#spend(nodes.filter(isHeaders).length * this.#request.items * LINE_STEPS);
    this.#spend(sum.mean * BYTE_STEPS);
    return sum;
  }

  #call(name: string, args: readonly ASTNode[]): Size {
    if (!LINEAR.has(name)) throw new Error(`must not call ${name}(), whose cost is not known`);
    const { most, mean, items, isList = false } = this.#sum(args);
    if (LETTERS.has(name) && !isList) this.#spend(mean * LETTER_STEPS);
    if (TYPES.has(name)) this.#spend(TYPE_STEPS);
    if (TIMES.has(name) || name.startsWith('get')) this.#spend(TIME_STEPS);
    return { most: 2 * most, mean: 2 * mean, items };
  }

  #method(name: string, on: ASTNode, args: readonly ASTNode[]): Size {
    if (name === 'matches') {
      throw new Error('must not call matches(), which may take forever: use RegularExpression under paths or headers');
    }
    if (LOOPS.includes(name)) return this.#repeat(on, name, args);
    if (name === 'split') return this.#split(on, args);
    if (SEARCHES.includes(name)) return this.#search(on, args, name === 'lastIndexOf' ? BACKWARD_STEPS : SEARCH_STEPS);
    if (name.startsWith('get') && args.length > 0) this.#spend(ZONE_STEPS);
    return this.#call(name, [on, ...args]);
  }

  #search(on: ASTNode, args: readonly ASTNode[], steps: number): Size {
    const text = this.sizeOf(on);
    const sought = this.#sum(args);
    this.#spend(text.mean * (steps + sought.most * COMPARE_STEPS));
    return SMALL;
  }

  #split(on: ASTNode, args: readonly ASTNode[]): Size {
    const text = this.sizeOf(on);
    const by = this.#sum(args);
    this.#spend(text.mean * (PIECE_STEPS + by.most * COMPARE_STEPS));
    return { ...text, items: text.most + 1, isList: true };
  }

  #repeat(on: ASTNode, name: string, [variable, ...bodies]: readonly ASTNode[]): Size {
    const list = this.sizeOf(on);
    if (this.#loop !== undefined || hasLoop(on)) throw new Error('must not have a loop within a loop');
    const turns = Math.max(1, list.items);
    const item = { most: list.most, mean: list.mean / turns, items: list.most };
    this.#loop = { name: variable?.op === 'id' ? variable.args : '', item, overHeaders: isHeaders(on) };
    this.#turns = turns;
    const made = bodies.map((body) => this.sizeOf(body)).at(-1) ?? SMALL;
    this.#turns = 1;
    this.#loop = undefined;
    return name === 'map' ? { most: made.most * turns, mean: made.mean * turns, items: turns, isList: true } : list;
  }
}

/** Of a member. What is no text of the request may be a list, and what holds it many of them. */
function itemsOf([object, name]: readonly [ASTNode, unknown], request: Size): number {
  if (name === 'headers') return request.items;
  const ofHead = object.op === 'id' && (object.args === 'source' || TEXTS.has(name));
  const ofHeaders = isHeaders(object);
  return ofHead || ofHeaders ? 1 : (request.most / COUNTED_BYTES) * COUNTED_ITEMS;
}

const TEXTS: ReadonlySet<unknown> = new Set(['method', 'path', 'query', 'host']);

const SMALL: Size = { most: 8, mean: 8, items: 1 };
const COUNTED: Size = { most: COUNTED_BYTES, mean: COUNTED_BYTES, items: COUNTED_LINES };
const NOTHING: Size = { most: 0, mean: 0, items: 0 };

function literal(value: unknown): Size {
  const most = typeof value === 'string' || value instanceof Uint8Array ? value.length : SMALL.most;
  return { most, mean: most, items: 1 };
}

function largest(sizes: readonly Size[]): Size {
  const of = (part: 'most' | 'mean' | 'items') => Math.max(...sizes.map((size) => size[part]));
  return { most: of('most'), mean: of('mean'), items: of('items') };
}

function total(sizes: readonly Size[], part: 'most' | 'mean' | 'items'): number {
  return sizes.reduce((sum, size) => sum + size[part], 0);
}

function isHeaders(node: ASTNode): boolean {
  return node.op === '.' && node.args[1] === 'headers' && node.args[0].op === 'id' && node.args[0].args === 'request';
}

function hasLoop(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasLoop);
  if (typeof node !== 'object' || node === null || !('op' in node)) return false;
  const { op, args } = node as ASTNode;
  return (op === 'rcall' && LOOPS.includes(args[0])) || hasLoop(args);
}

/** Expressions of CEL about a request: read once, checked as far as they can be, and bounded in what they may do. */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { COUNTED_BYTES, COUNTED_LINES, costOf } from './cel-cost.ts';

/** Nodes of an expression's tree, and how deep they may stand. */
export const MAX_CEL_NODES = 256;
export const MAX_CEL_DEPTH = 24;
/** Characters of an expression. */
export const MAX_CEL_LENGTH = 2_048;

/** What an expression sees. */
export interface CelContext {
  request: {
    method: string;
    /** Without query, in the form in which it is matched. */
    path: string;
    query: string;
    host: string;
    /** Names in lower case; lines of one name joined by commas. */
    headers: Record<string, string>;
    /** Who asks; absent where nobody was asked. */
    auth?: { subject: string; claims: Readonly<Record<string, unknown>> };
  };
  source: { address: string };
}

const environment = new Environment({ limits: { maxAstNodes: MAX_CEL_NODES, maxDepth: MAX_CEL_DEPTH } })
  .registerVariable('request', 'map')
  .registerVariable('source', 'map');

export interface CelTest {
  /** It throws where it has no value, or one that is neither true nor false: what is in a map has no type beforehand. */
  (context: CelContext): boolean;
  /** What it may cost for the longest request, at most MAX_CEL_STEPS. */
  readonly steps: number;
  /** It may look at who asks, so that it cannot be asked before that is known. */
  readonly readsIdentity: boolean;
  /** The same for a request of so many bytes and header lines. */
  stepsFor(bytes: number, lines: number): number;
}

/** Throws an Error with the reason for what is no expression, or none that may be used. */
export function compileCel(expression: string): CelTest {
  if (expression.length > MAX_CEL_LENGTH) throw new Error(`is longer than ${MAX_CEL_LENGTH} characters`);
  const program = parsed(expression);
  const { valid, type, error } = program.check();
  if (!valid) throw new Error(summaryOf(error));
  if (type !== 'bool' && type !== 'dyn') throw new Error(`must be true or false; it is of type ${type}`);
  const { most, least } = costOf(program.ast);
  const stepsFor = (bytes: number, lines: number): number =>
    least + (most - least) * Math.max(bytes / COUNTED_BYTES, lines / COUNTED_LINES);
  const readsIdentity = mayReadIdentity(program.ast);
  const test = (context: CelContext): boolean => {
    const value: unknown = program(context);
    if (typeof value !== 'boolean') throw new Error('is neither true nor false');
    return value;
  };
  return Object.assign(test, { steps: most, stepsFor, readsIdentity });
}

/** Members of a request that say nothing of who asks. */
const OF_THE_HEAD: ReadonlySet<unknown> = new Set(['method', 'path', 'query', 'host', 'headers']);

/** Every use of `request` that is no such member, by whatever way. */
function mayReadIdentity(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(mayReadIdentity);
  if (typeof node !== 'object' || node === null || !('op' in node)) return false;
  const { op, args } = node as ASTNode;
  if (op === 'id') return args === 'request';
  if (op === '.' && isRequest(args[0]) && OF_THE_HEAD.has(args[1])) return false;
  return mayReadIdentity(args);
}

function isRequest({ op, args }: ASTNode): boolean {
  return op === 'id' && args === 'request';
}

/** Claims as an expression sees them: whole numbers are of CEL's type int. */
export function celClaims(claims: object): Record<string, unknown> {
  const made: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(claims)) made[name] = celValue(value);
  return made;
}

function celValue(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  return typeof value === 'object' && value !== null ? celClaims(value) : value;
}

function parsed(expression: string): ReturnType<typeof environment.parse> {
  try {
    return environment.parse(expression);
  } catch (error) {
    throw new Error(`is no CEL expression: ${summaryOf(error)}`);
  }
}

function summaryOf(error: unknown): string {
  if (error instanceof Error) return 'summary' in error ? String(error.summary) : error.message;
  return 'cannot be read';
}

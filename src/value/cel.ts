/** Expressions of CEL about a request: read once, checked as far as they can be, and bounded in what they may do. */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';

/** Nodes of an expression's tree, and how deep they may stand. */
export const MAX_CEL_NODES = 256;
export const MAX_CEL_DEPTH = 24;
/** Characters of an expression. */
export const MAX_CEL_LENGTH = 2_048;
/** Loops (all, exists, map, filter) that may stand in one another: a request's headers are few. */
export const MAX_CEL_LOOPS = 1;

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
  };
  source: { address: string };
}

const environment = new Environment({ limits: { maxAstNodes: MAX_CEL_NODES, maxDepth: MAX_CEL_DEPTH } })
  .registerVariable('request', 'map')
  .registerVariable('source', 'map');

/** Throws an Error with the reason for what is no expression, or none that may be used. It throws where it has no value. */
export function compileCel(expression: string): (context: CelContext) => boolean {
  if (expression.length > MAX_CEL_LENGTH) throw new Error(`is longer than ${MAX_CEL_LENGTH} characters`);
  const program = parsed(expression);
  const { valid, type, error } = program.check();
  if (!valid) throw new Error(summaryOf(error));
  if (type !== 'bool' && type !== 'dyn') throw new Error(`must be true or false; it is of type ${type}`);
  refuseEndless(program.ast, 0);
  return (context) => program(context) === true;
}

function parsed(expression: string): ReturnType<typeof environment.parse> {
  try {
    return environment.parse(expression);
  } catch (error) {
    throw new Error(summaryOf(error));
  }
}

function summaryOf(error: unknown): string {
  if (error instanceof Error) return 'summary' in error ? String(error.summary) : error.message;
  return 'cannot be read';
}

const LOOPS: readonly unknown[] = ['all', 'exists', 'exists_one', 'map', 'filter'];

/** What may take longer than the request is long. */
function refuseEndless(node: unknown, loops: number): void {
  if (Array.isArray(node)) {
    for (const one of node) refuseEndless(one, loops);
    return;
  }
  if (typeof node !== 'object' || node === null || !('op' in node)) return;
  const { op, args } = node as ASTNode;
  let inside = loops;
  if (op === 'rcall') {
    const [name] = args;
    if (name === 'matches') {
      throw new Error('must not call matches(), which may take forever: use RegularExpression under paths or headers');
    }
    if (LOOPS.includes(name) && ++inside > MAX_CEL_LOOPS) throw new Error('must not have a loop within a loop');
  }
  refuseEndless(args, inside);
}

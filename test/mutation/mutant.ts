/** Small faults that somebody could write into a file: what tests should notice. */
import { parseAst } from 'rolldown/parseAst';

export interface Mutant {
  path: string;
  /** From 1. */
  line: number;
  /** What kind of fault it is. */
  kind: 'operator' | 'boundary' | 'condition' | 'statement' | 'constant';
  /** Offsets in the text, and what stands there instead. */
  start: number;
  end: number;
  before: string;
  after: string;
}

interface SyntaxNode {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

type Change = Pick<Mutant, 'kind' | 'start' | 'end' | 'after'>;

const OPERATORS: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '&': '|',
  '|': '&',
  '<<': '>>',
  '>>': '<<',
  '>>>': '<<',
  '&&': '||',
  '||': '&&',
  '+=': '-=',
  '-=': '+=',
  '||=': '&&=',
  '??=': '=',
  '++': '--',
  '--': '++',
};
const BOUNDARIES: Readonly<Record<string, string>> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };

/** All mutants of a file, in the order of the text. */
export function mutantsOf(path: string, text: string): Mutant[] {
  const changes: Change[] = [];
  walk(parseAst(text, { lang: 'ts' }) as unknown as SyntaxNode, (node) => changes.push(...changesOf(node, text)));
  return changes
    .map((change) => ({
      ...change,
      path,
      line: text.slice(0, change.start).split('\n').length,
      before: text.slice(change.start, change.end),
    }))
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

export function apply(text: string, { start, end, after }: Mutant): string {
  return text.slice(0, start) + after + text.slice(end);
}

function changesOf(node: SyntaxNode, text: string): Change[] {
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      return operatorChanges(node, text);
    case 'UpdateExpression':
      return [updateChange(node)];
    case 'UnaryExpression':
      return node.operator === '!' ? [{ ...spanOf(node), kind: 'condition', after: textOf(node.argument, text) }] : [];
    case 'IfStatement':
    case 'ConditionalExpression':
      return ['true', 'false'].map((after) => ({ ...spanOf(node.test), kind: 'condition', after }));
    case 'ExpressionStatement':
      return isDirective(node) ? [] : [{ ...spanOf(node), kind: 'statement', after: ';' }];
    case 'ContinueStatement':
    case 'BreakStatement':
      return [{ ...spanOf(node), kind: 'statement', after: ';' }];
    case 'Literal':
      return constantChanges(node);
    default:
      return [];
  }
}

/** The operator stands somewhere between its sides. */
function operatorChanges(node: SyntaxNode, text: string): Change[] {
  const operator = node.operator as string;
  const after = OPERATORS[operator] ?? BOUNDARIES[operator];
  if (after === undefined) return [];
  const start = text.indexOf(operator, (node.left as SyntaxNode).end);
  return [{ kind: operator in BOUNDARIES ? 'boundary' : 'operator', start, end: start + operator.length, after }];
}

function updateChange(node: SyntaxNode): Change {
  const start = node.prefix ? node.start : node.end - 2;
  return { kind: 'operator', start, end: start + 2, after: OPERATORS[node.operator as string]! };
}

function constantChanges(node: SyntaxNode): Change[] {
  const { value } = node;
  if (typeof value === 'boolean') return [{ ...spanOf(node), kind: 'constant', after: String(!value) }];
  if (typeof value === 'number') return [{ ...spanOf(node), kind: 'constant', after: String(value + 1) }];
  return [];
}

function isDirective(node: SyntaxNode): boolean {
  return typeof node.directive === 'string';
}

function spanOf(node: unknown): { start: number; end: number } {
  const { start, end } = node as SyntaxNode;
  return { start, end };
}

function textOf(node: unknown, text: string): string {
  const { start, end } = node as SyntaxNode;
  return text.slice(start, end);
}

/** Types are gone at run time, and a fault in them is for the compiler. */
function walk(node: SyntaxNode, visit: (node: SyntaxNode) => unknown): void {
  if (/^TS(?!AsExpression|NonNullExpression|SatisfiesExpression)/.test(node.type)) return;
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && 'type' in child) walk(child as SyntaxNode, visit);
    }
  }
}

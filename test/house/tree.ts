/** The tree as the house rules see it: its files, and what a TypeScript file is made of. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Paths from the root of everything that is or will be committed. */
export function treeFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  return listed
    .toString()
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function isTypeScript(path: string): boolean {
  return path.endsWith('.ts');
}

/** Shipped code: neither tests nor what only tests use. */
export function isProduct(path: string): boolean {
  return path.startsWith('src/') && isTypeScript(path) && !/\.(test|suite|fixture)\.ts$/.test(path);
}

export interface Import {
  from: string;
  /** A path from the root, or a package's name. */
  to: string;
  /** type: gone at run time. lazy: loaded when it is needed. */
  form: 'value' | 'type' | 'lazy';
}

/** What a node of the syntax tree has that the rules look at. */
interface SyntaxNode {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

export function importsOf(path: string): Import[] {
  const found: Import[] = [];
  walk(parse(path), (node) => {
    const source = node.source as SyntaxNode | null | undefined;
    if (!/^(Import|Export\w+)(Declaration|Expression)$/.test(node.type) || typeof source?.value !== 'string') return;
    const form = node.type === 'ImportExpression' ? 'lazy' : isTypeOnly(node) ? 'type' : 'value';
    const to = source.value.startsWith('.') ? normalize(join(dirname(path), source.value)) : source.value;
    found.push({ from: path, to, form });
  });
  return found;
}

function isTypeOnly(node: SyntaxNode): boolean {
  if ((node.importKind ?? node.exportKind) === 'type') return true;
  const specifiers = (node.specifiers ?? []) as SyntaxNode[];
  return specifiers.length > 0 && specifiers.every((one) => (one.importKind ?? one.exportKind) === 'type');
}

/** The values that a file gives away, its own and what it passes on; types say what a signature means. */
export function valuesExported(path: string): string[] {
  const names: string[] = [];
  walk(parse(path), (node) => {
    if (node.type !== 'ExportNamedDeclaration' || node.exportKind === 'type') return;
    for (const one of node.specifiers as SyntaxNode[]) if (one.exportKind !== 'type') names.push(nameOf(one.exported));
    const declaration = node.declaration as SyntaxNode | null;
    if (declaration?.id) names.push(nameOf(declaration.id));
    for (const one of (declaration?.declarations ?? []) as SyntaxNode[]) names.push(nameOf(one.id));
  });
  return names;
}

/** `path name` of everything that a file takes from others; a namespace takes all that it is asked for by a member. */
export function namesImported(path: string): string[] {
  const names: string[] = [];
  const namespaces = new Map<string, string>();
  walk(parse(path), (node) => {
    const source = node.source as SyntaxNode | null | undefined;
    if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
    const to = normalize(join(dirname(path), source.value));
    for (const one of (node.specifiers ?? []) as SyntaxNode[]) {
      if (one.type === 'ImportNamespaceSpecifier') namespaces.set(nameOf(one.local), to);
      else if (one.type === 'ImportSpecifier') names.push(`${to} ${nameOf(one.imported)}`);
      else if (one.type === 'ExportSpecifier') names.push(`${to} ${nameOf(one.local)}`);
    }
  });
  const text = textOf(path);
  for (const [local, to] of namespaces) {
    for (const [, member] of text.matchAll(new RegExp(`\\b${local}\\.(\\w+)`, 'g'))) names.push(`${to} ${member}`);
  }
  for (const [, source, destructured] of lazyImports(text)) {
    const to = normalize(join(dirname(path), source!));
    for (const name of destructured!.matchAll(/(\w+)(?:\s*:\s*\w+)?/g)) names.push(`${to} ${name[1]}`);
  }
  return names;
}

/** `const { a, b: c } = await import('./x.ts')`, and `(await import('./x.ts')).a`. */
function lazyImports(text: string): Array<[string, string, string]> {
  const whole = [...text.matchAll(/\{([^{}]*)\}\s*=\s*await import\(\s*'(\.[^']+)'/g)];
  const member = [...text.matchAll(/import\(\s*'(\.[^']+)'\s*\)\)?\.(\w+)/g)];
  return [
    ...whole.map(([all, names, source]): [string, string, string] => [all, source!, names!]),
    ...member.map(([all, source, name]): [string, string, string] => [all, source!, name!]),
  ];
}

function nameOf(node: unknown): string {
  const { name, value } = node as { name?: string; value?: string };
  return name ?? value ?? '';
}

export interface FunctionShape {
  path: string;
  line: number;
  lines: number;
  /** Positional parameters. */
  parameters: number;
}

export function functionsOf(path: string): FunctionShape[] {
  const text = textOf(path);
  const found: FunctionShape[] = [];
  walk(parse(path), (node) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) return;
    const parameters = (node.params as SyntaxNode[]).filter((one) => one.type !== 'RestElement').length;
    const line = text.slice(0, node.start).split('\n').length;
    found.push({ path, line, lines: text.slice(node.start, node.end).split('\n').length, parameters });
  });
  return found;
}

/** How many values a module gives away; types cost its users nothing. */
export function valueExports(path: string): number {
  let count = 0;
  walk(parse(path), (node) => {
    if (node.type !== 'ExportNamedDeclaration' || node.exportKind === 'type') return;
    const specifiers = node.specifiers as SyntaxNode[];
    count += node.declaration ? 1 : specifiers.filter((one) => one.exportKind !== 'type').length;
  });
  return count;
}

/** Whether the file uses the type that fits everything. */
export function saysAny(path: string): boolean {
  let found = false;
  walk(parse(path), (node) => (found ||= node.type === 'TSAnyKeyword'));
  return found;
}

function parse(path: string): SyntaxNode {
  return parseAst(textOf(path), { lang: 'ts' }) as unknown as SyntaxNode;
}

function walk(node: SyntaxNode, visit: (node: SyntaxNode) => unknown): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && 'type' in child) walk(child as SyntaxNode, visit);
    }
  }
}

/** The value that `share` of the numbers do not exceed. */
export function percentile(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** A page as its reader goes through it: files to write, commands to run, and what they print. */
import { textOf } from '../house/tree.ts';

export type Step =
  /** A file, named in the paragraph above its block. */
  | { type: 'file'; name: string; content: string }
  /** `shown`: what the page says that it prints; absent: it says nothing. */
  | { type: 'command'; line: string; shown?: string }
  /** Commands that another test runs, or none, and why. */
  | { type: 'elsewhere'; why: string; text: string };

/** Commands stand in these: they are run. */
const RUN: ReadonlySet<string> = new Set(['sh', 'bash', 'console', 'shell']);
/** Above a block: who else runs it (a path in the tree), or why nobody can. */
const MARK = /<!-- (run by \S+|not run: [^\n]+) -->\s*$/;
/** In the paragraph above a block: the name of the file that it is. */
const NAMED = /(?:^|[\s(])`([\w-]+\.(?:yaml|json|conf))`[^\n`]*:\s*$/;
const BLOCK = /^```(\w*)\n([\s\S]*?)^```$/gm;

export function stepsOf(page: string): Step[] {
  const text = textOf(page);
  let end = 0;
  return [...text.matchAll(BLOCK)].flatMap(({ 0: whole, 1: language = '', 2: content = '', index }) => {
    const before = text.slice(end, index);
    end = index + whole.length;
    const mark = MARK.exec(before)?.[1];
    if (mark !== undefined) return [{ type: 'elsewhere' as const, why: mark, text: content }];
    if (RUN.has(language)) return commandsOf(content, language === 'console');
    const name = NAMED.exec(before)?.[1];
    return name === undefined ? [] : [{ type: 'file' as const, name, content }];
  });
}

/** Blocks that look as if somebody should type them, and that nobody runs. */
export function overlooked(page: string): string[] {
  const text = textOf(page);
  let end = 0;
  return [...text.matchAll(BLOCK)].flatMap(({ 0: whole, 1: language = '', 2: content = '', index }) => {
    const before = text.slice(end, index);
    end = index + whole.length;
    const typed = /^(\$ |daemun |npm |npx |curl |docker |systemctl |kubectl |helm |cp |sudo )/m.test(content);
    return typed && !RUN.has(language) && !MARK.test(before) ? [content] : [];
  });
}

/** In a session a command stands behind `$`, and what it prints below it; else every line is a command. */
function commandsOf(block: string, session: boolean): Step[] {
  const lines = block.split('\n').slice(0, -1);
  const steps: Array<Extract<Step, { type: 'command' }>> = [];
  while (lines.length > 0) {
    const first = lines.shift()!;
    if (session && !first.startsWith('$ ')) {
      const last = steps.at(-1);
      if (last === undefined) throw new Error(`a session begins with "${first}", which is no command`);
      last.shown = `${last.shown ?? ''}${first}\n`;
    } else if (first.trim() !== '' && !first.startsWith('#')) {
      steps.push({ type: 'command', line: whole(session ? first.slice(2) : first, lines) });
    }
  }
  return steps;
}

/** With the lines that it goes on in: behind a backslash, and in a here-document. */
function whole(first: string, rest: string[]): string {
  let line = first;
  while (line.endsWith('\\') && rest.length > 0) line = `${line}\n${rest.shift()!}`;
  const mark = /<<-?'?(\w+)'?/.exec(line)?.[1];
  if (mark === undefined) return line;
  const at = rest.indexOf(mark);
  if (at === -1) throw new Error(`nothing ends the here-document of: ${line}`);
  return [line, ...rest.splice(0, at + 1)].join('\n');
}

/** What differs from run to run. */
const VARYING: ReadonlyArray<[RegExp, string]> = [
  [/\d\d:\d\d:\d\d\.\d{3}/g, 'TIME'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME'],
  [/\bpid=\d+/g, 'pid=PID'],
  [/\btook=\d+ms/g, 'took=MS'],
  [/\b[0-9a-f]{32}\b/g, 'ID'],
  [/^date: .*$/gim, 'Date: TIME'],
];

function settled(text: string): string {
  return VARYING.reduce((told, [pattern, word]) => told.replaceAll(pattern, word), text.replaceAll(/[ \r]+$/gm, ''));
}

/** Whether it printed what the page shows. There `...` in a line of its own is any lines, and `…` anything in one. */
export function isShown(printed: string, shown: string): boolean {
  const parts = settled(shown.trimEnd())
    .split(/^ *\.\.\.$\n?/m)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll('…', '.*'));
  return new RegExp(`^${parts.join('[\\s\\S]*?')}\\s*$`).test(settled(printed));
}

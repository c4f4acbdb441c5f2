/** Columns for a terminal: the last one goes on below itself, and what is too long for its column has a line for itself. */
import { visibleText } from '../value/visible-text.ts';
import type { Paint } from './style.ts';
import type { Cell, Table } from './table.ts';

/** Columns of a terminal that lines are broken for. */
export const LINE_WIDTH: number = 100;
/** Of the first column and of those after it; the last one has what is left. */
const WIDEST = [26, 38];
const GAP = 3;

export function formatWrapped({ head, rows }: Table, paint: Paint): string {
  const all = [head.map((text): Cell => ({ text, tone: 'dim' })), ...rows.map((row) => row.map(visible))];
  const starts = startsOf(all);
  return all.map((row) => rowText(row, starts, paint)).join('');
}

function visible(value: string | Cell): Cell {
  const cell = typeof value === 'string' ? { text: value } : value;
  return { ...cell, text: visibleText(cell.text) };
}

/** Where each column begins. */
function startsOf(rows: readonly Cell[][]): number[] {
  const starts = [0];
  for (let column = 0; column < rows[0]!.length - 1; column++) {
    const lengths = rows.map((row) => row[column]!.text.length).filter((length) => length <= (WIDEST[column] ?? 0));
    starts.push(starts[column]! + Math.max(0, ...lengths) + GAP);
  }
  return starts;
}

function rowText(row: readonly Cell[], starts: readonly number[], paint: Paint): string {
  let text = '';
  let at = 0;
  const put = (part: string, { tone }: Cell, start: number): void => {
    if (part === '') return;
    if (at > 0 && at + GAP > start) {
      text = `${text.trimEnd()}\n`;
      at = 0;
    }
    text += ' '.repeat(start - at) + (tone === undefined ? part : paint(tone, part));
    at = start + part.length;
  };
  for (const [column, cell] of row.entries()) {
    const isLast = column === row.length - 1;
    const start = isLast ? lastStart(cell.text, starts[column]!) : starts[column]!;
    const parts = isLast ? wrapped(cell.text, LINE_WIDTH - start) : [cell.text];
    for (const part of parts) put(part, cell, start);
  }
  return `${text.trimEnd()}\n`;
}

/** Further to the left where a word would not fit, and no line is longer than it must be. */
function lastStart(text: string, start: number): number {
  const longest = Math.max(...text.split(' ').map(({ length }) => length));
  return Math.max(Math.min(start, LINE_WIDTH - longest), Math.min(start, GAP));
}

/** By its words; one that is longer than a line stays whole, so that it can be copied. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

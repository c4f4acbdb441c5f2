/** Columns of text, aligned by their widest cell; the last one runs on. */
import { visibleText } from '../value/visible-text.ts';
import type { Paint, Tone } from './style.ts';

export interface Cell {
  text: string;
  tone?: Tone;
}

export interface Table {
  head: string[];
  rows: Array<Array<string | Cell>>;
}

const GAP = '   ';

export function formatTable({ head, rows }: Table, paint: Paint): string {
  const all: Cell[][] = [head.map((text) => ({ text, tone: 'dim' as const })), ...rows.map((row) => row.map(cell))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.text.length ?? 0)));
  return all.map((row) => `${line(row, widths, paint)}\n`).join('');
}

function cell(value: string | Cell): Cell {
  const { text, ...rest }: Cell = typeof value === 'string' ? { text: value } : value;
  return { ...rest, text: visibleText(text) };
}

function line(row: Cell[], widths: number[], paint: Paint): string {
  const parts = row.map(({ text, tone }, column) => {
    const padding = column === row.length - 1 ? '' : ' '.repeat(widths[column]! - text.length);
    return (tone ? paint(tone, text) : text) + padding;
  });
  return parts.join(GAP).trimEnd();
}

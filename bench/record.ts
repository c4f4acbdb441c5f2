/**
 * Keeps the newest figures of every case in bench/figures.json, and writes docs/performance.md's tables from it, so
 * that one case can be measured again without losing the others.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { cases } from './case/index.ts';
import { renderDocument } from './document.ts';
import type { Record_ } from './figure-record.ts';

const figures = resolve(import.meta.dirname, 'figures.json');
const document = resolve(import.meta.dirname, '../docs/performance.md');
const begin = '<!-- bench: figures begin -->';
const end = '<!-- bench: figures end -->';

export function record(fresh: Record_): void {
  const kept = existsSync(figures) ? (JSON.parse(readFileSync(figures, 'utf8')) as Record_[]) : [];
  const others = kept.filter(({ report }) => report.name !== fresh.report.name);
  const order = (record_: Record_): number => cases.findIndex((one) => one.name === record_.report.name);
  const all = [...others, fresh].filter((one) => order(one) >= 0).sort((a, b) => order(a) - order(b));
  writeFileSync(figures, `${JSON.stringify(all, undefined, 2)}\n`);
  const text = readFileSync(document, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error('docs/performance.md has lost its markers for the figures');
  writeFileSync(document, `${text.slice(0, from + begin.length)}\n\n${renderDocument(all)}\n\n${text.slice(to)}`);
}

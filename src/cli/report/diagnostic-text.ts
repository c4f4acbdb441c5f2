/** A diagnostic as a compiler prints it: what, where, and the line itself. */
import { readFileSync } from 'node:fs';
import type { ReportedDiagnostic } from '../../control/index.ts';
import { shownLines } from '../../sources/index.ts';
import { withoutPassword } from '../../value/url-password.ts';
import { visibleText } from '../../value/visible-text.ts';
import type { Paint } from '../style.ts';
import { fieldSpan } from './field-span.ts';

/** The text of a line (from 1), or undefined where it cannot be read or may not be shown. */
export type LineReader = (file: string, line: number) => string | undefined;

/** Reads each file once. */
export function fileLines(): LineReader {
  const files = new Map<string, Array<string | undefined>>();
  return (file, line) => {
    let lines = files.get(file);
    if (!lines) files.set(file, (lines = read(file)));
    return lines[line - 1];
  };
}

function read(file: string): Array<string | undefined> {
  try {
    return shownLines(readFileSync(file, 'utf8'));
  } catch {
    // Standard input, or a file that is gone by now: the place alone must do.
    return [];
  }
}

export function diagnosticText(diagnostic: ReportedDiagnostic, paint: Paint, lineOf: LineReader): string {
  const { severity, file, line, object, field, message } = diagnostic;
  const tone = severity === 'info' ? 'dim' : severity;
  // Kinds without namespaces have a key with nothing between.
  const name = object.replace('//', ' ');
  const parts = [file && (line > 0 ? `${file}:${line}` : file), name, field];
  const place = parts.filter((part) => part !== '').map(visibleText);
  let text = `${paint(tone, severity)}: ${paint('strong', visibleText(message))}\n`;
  if (place.length > 0) text += `  ${paint('dim', '-->')} ${place.join('  ')}\n`;
  const written = line > 0 ? lineOf(file, line)?.trimEnd() : undefined;
  if (!written) return text;
  const source = visibleText(withoutPassword(written));
  const [start, end] = fieldSpan(source, field);
  const shown = windowOf(source, { start, end, width: terminalWidth() - String(line).length - ' | '.length });
  return text + excerpt({ line, source: shown.text, mark: paint(tone, shown.mark) }, paint);
}

/** Where nobody has a terminal, lines are cut here. */
const USUAL_WIDTH = 160;

function terminalWidth(): number {
  return process.stdout.columns || process.stderr.columns || USUAL_WIDTH;
}

/** Shown before what is marked, where a line has to be cut. */
const LEAD = 20;

function windowOf(
  source: string,
  { start, end, width }: { start: number; end: number; width: number },
): { text: string; mark: string } {
  const from = source.length <= width ? 0 : Math.max(0, Math.min(start - LEAD, source.length - width));
  const text = `${from > 0 ? '…' : ''}${source.slice(from > 0 ? from + 1 : 0)}`;
  const cut = text.length <= width ? text : `${text.slice(0, width - 1)}…`;
  const length = Math.max(1, Math.min(end - from, cut.length) - (start - from));
  return { text: cut, mark: ' '.repeat(start - from) + '^'.repeat(length) };
}

function excerpt({ line, source, mark }: { line: number; source: string; mark: string }, paint: Paint): string {
  const number = String(line);
  const bar = paint('dim', '|');
  const blank = ' '.repeat(number.length);
  return `${paint('dim', number)} ${bar} ${source}\n${blank} ${bar} ${mark}\n`;
}

/** A diagnostic as a compiler prints it: what, where, and the line itself. */
import { readFileSync } from 'node:fs';
import type { ReportedDiagnostic } from '../../control/index.ts';
import { shownLines } from '../../sources/index.ts';
import type { Paint } from '../style.ts';

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
  const place = [file && (line > 0 ? `${file}:${line}` : file), object, field].filter((part) => part !== '');
  let text = `${paint(tone, severity)}: ${paint('strong', message)}\n`;
  if (place.length > 0) text += `  ${paint('dim', '-->')} ${place.join('  ')}\n`;
  const source = line > 0 ? lineOf(file, line)?.trimEnd() : undefined;
  return source ? text + excerpt({ line, source, mark: paint(tone, underline(source)) }, paint) : text;
}

function excerpt({ line, source, mark }: { line: number; source: string; mark: string }, paint: Paint): string {
  const number = String(line);
  const bar = paint('dim', '|');
  const blank = ' '.repeat(number.length);
  return `${paint('dim', number)} ${bar} ${source}\n${blank} ${bar} ${mark}\n`;
}

function underline(source: string): string {
  const start = source.search(/\S/);
  return ' '.repeat(start) + '^'.repeat(source.length - start);
}

/** What is told on standard error: names, paths and values in it are others'. */
import { visibleText } from '../value/visible-text.ts';

/** One line that moves no cursor and forges no other, whatever it holds. */
export function errorLine(text: string): string {
  return `${visibleText(text)}\n`;
}

/** What is said of a wrong command line, and, on a line of its own, which word may have been meant. */
export function usageLines(text: string): string {
  return text
    .trimEnd()
    .split(/\n(?=\(Did you mean )/)
    .map(errorLine)
    .join('');
}

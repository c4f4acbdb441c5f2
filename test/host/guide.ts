/** The commands of docs/guides/install.md that name a test of this folder. */
import { stepsOf } from '../guides/page.ts';

/** Line by line, as they stand there. */
export function linesFor(path: string): string[] {
  const blocks = stepsOf('docs/guides/install.md').filter((step) => step.type === 'elsewhere');
  return blocks.filter(({ why }) => why === `run by ${path}`).flatMap(({ text }) => text.trim().split('\n'));
}

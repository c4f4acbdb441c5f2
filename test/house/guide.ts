/** What a guide tells its reader to write and to run. */
import { textOf } from './tree.ts';

export interface GuideBlock {
  language: string;
  text: string;
}

/** The fenced blocks of a page, in order. */
export function guideBlocks(page: string): GuideBlock[] {
  return [...textOf(page).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }));
}

/** Each command of the `sh` blocks, with lines that go on joined. */
export function guideCommands(page: string): string[] {
  return guideBlocks(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) =>
      text
        .replaceAll(/\\\n\s*/g, '')
        .trim()
        .split('\n'),
    );
}

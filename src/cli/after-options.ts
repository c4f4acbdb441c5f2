/** What stands below the options in a command's help. */
import type { AddHelpTextContext } from 'commander';

/** Where it goes to no terminal: what commander takes for the rest. */
const USUAL_WIDTH = 80;

/** Sentences are broken where the terminal ends, as all above them is; command lines, which are indented, stay whole. */
export function afterOptions(text: string): (context: AddHelpTextContext) => string {
  return ({ command, error }) => {
    const { getOutHelpWidth, getErrHelpWidth } = command.configureOutput();
    const width = (error ? getErrHelpWidth : getOutHelpWidth)?.() ?? USUAL_WIDTH;
    const help = command.createHelp();
    const paragraphs = text.replaceAll(/^(\S.*)\n(?=\S)/gm, '$1 ').split('\n');
    return paragraphs.map((line) => (/^\S/.test(line) ? help.boxWrap(line, width) : line)).join('\n');
  };
}

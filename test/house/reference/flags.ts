/** docs/reference/flags.md, from the commands themselves. */
import type { Command } from 'commander';
import { allCommands } from '../../../src/cli/main.ts';

/** Columns of the terminal that the page shows. */
export const HELP_WIDTH = 110;

export async function flagsPage(): Promise<string> {
  const commands = await allCommands();
  return `# Commands and flags

What \`daemun COMMAND --help\` prints. \`npm run docs\` writes this page, and a test keeps it true.

Durations are written as in the Gateway API: \`30s\`, \`1m30s\`, \`250ms\`. Addresses are \`HOST:PORT\`, and \`[::1]:PORT\` for
IPv6. A flag that is repeatable adds to what came before.

${commands.flatMap((command) => sections(command)).join('\n')}`;
}

/** A command that only has commands of its own is shown as these. */
function sections(command: Command): string[] {
  return command.commands.length === 0 ? [section(command)] : command.commands.flatMap((one) => sections(one));
}

function section(command: Command): string {
  return `## daemun ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command).trimEnd()}\n\`\`\`\n`;
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

/** The whole help, with the examples that stand after the options. */
function helpOf(command: Command): string {
  let text = '';
  const page = {
    writeOut: (part: string) => void (text += part),
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  };
  command.configureOutput(page).outputHelp();
  return text.replace(`Usage: ${nameOf(command)}`, `Usage: daemun ${nameOf(command)}`);
}

/** docs/reference/flags.md, from the commands themselves. */
import type { Command } from 'commander';
import { checkCommand } from '../../../src/cli/command/check.ts';
import { demoCommand } from '../../../src/cli/command/demo.ts';
import { explainCommand } from '../../../src/cli/command/explain.ts';
import { runCommand } from '../../../src/cli/command/run.ts';
import { statusCommand } from '../../../src/cli/command/status.ts';

const COMMANDS = [runCommand, checkCommand, explainCommand, statusCommand, demoCommand];

export function flagsPage(): string {
  return `# Commands and flags

What \`daemun COMMAND --help\` prints. \`npm run docs\` writes this page, and a test keeps it true.

Durations are written as in the Gateway API: \`30s\`, \`1m30s\`, \`250ms\`. Addresses are \`HOST:PORT\`, and \`[::1]:PORT\` for
IPv6. A flag that is repeatable adds to what came before.

${COMMANDS.map((make) => section(make())).join('\n')}`;
}

function section(command: Command): string {
  return `## daemun ${command.name()}\n\n\`\`\`text\n${helpOf(command).trimEnd()}\n\`\`\`\n`;
}

/** The whole help, with the examples that stand after the options. */
function helpOf(command: Command): string {
  let text = '';
  const page = {
    writeOut: (part: string) => void (text += part),
    getOutHelpWidth: () => 110,
    getOutHasColors: () => false,
  };
  command.configureOutput(page).outputHelp();
  return text.replace(`Usage: ${command.name()}`, `Usage: daemun ${command.name()}`);
}

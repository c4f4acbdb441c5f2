/** docs/reference/flags.md, from the commands themselves. */
import type { Command } from 'commander';
import { cacheCommand } from '../../../src/cli/command/cache.ts';
import { checkCommand } from '../../../src/cli/command/check.ts';
import { completionCommand } from '../../../src/cli/command/completion.ts';
import { dataplaneCommand } from '../../../src/cli/command/dataplane.ts';
import { debugCommand } from '../../../src/cli/command/debug.ts';
import { demoCommand } from '../../../src/cli/command/demo.ts';
import { explainCommand } from '../../../src/cli/command/explain.ts';
import { runCommand } from '../../../src/cli/command/run.ts';
import { statusCommand } from '../../../src/cli/command/status.ts';
import { versionCommand } from '../../../src/cli/command/version.ts';

const COMMANDS = [
  runCommand,
  dataplaneCommand,
  checkCommand,
  explainCommand,
  statusCommand,
  cacheCommand,
  debugCommand,
  demoCommand,
  () => completionCommand(async () => []),
  versionCommand,
];

export function flagsPage(): string {
  return `# Commands and flags

What \`daemun COMMAND --help\` prints. \`npm run docs\` writes this page, and a test keeps it true.

Durations are written as in the Gateway API: \`30s\`, \`1m30s\`, \`250ms\`. Addresses are \`HOST:PORT\`, and \`[::1]:PORT\` for
IPv6. A flag that is repeatable adds to what came before.

${COMMANDS.flatMap((make) => sections(make())).join('\n')}`;
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
    getOutHelpWidth: () => 110,
    getOutHasColors: () => false,
  };
  command.configureOutput(page).outputHelp();
  return text.replace(`Usage: ${nameOf(command)}`, `Usage: daemun ${nameOf(command)}`);
}

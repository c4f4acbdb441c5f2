/** The command line: one command a file, each loaded whole but running nothing heavy until it is chosen. */
import { Command, CommanderError } from 'commander';
import { checkCommand } from './command/check.ts';
import { demoCommand } from './command/demo.ts';
import { explainCommand } from './command/explain.ts';
import { runCommand } from './command/run.ts';
import { statusCommand } from './command/status.ts';
import { EXIT } from './exitcode.ts';
import { packageVersion } from './version.ts';

/** Sets process.exitCode. `argv` as Node gives it. */
export async function main(argv: string[]): Promise<void> {
  const program = new Command('daemun')
    .description('A Kubernetes Gateway API gateway: plain manifests in, traffic served, with or without a cluster.')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(daemun COMMAND --help shows what there is)');
  for (const command of [runCommand(), checkCommand(), statusCommand(), explainCommand(), demoCommand()]) {
    program.addCommand(command);
  }
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

// Commander has printed its own errors by now; ours are printed here.
function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const code = (error as { code?: unknown }).code;
  const message = error instanceof Error ? error.message : String(error);
  console.error(`error: ${typeof code === 'string' ? `${code}: ` : ''}${message}`);
  return EXIT.refused;
}

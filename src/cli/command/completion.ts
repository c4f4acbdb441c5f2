/** `daemun completion`: scripts with which shells complete the command line. */
import { Argument, Command } from 'commander';
import { afterOptions } from '../after-options.ts';
import { SHELLS, type Shell } from '../completion/shell.ts';

const EXAMPLES = `
Examples:
  $ source <(daemun completion bash)
  $ daemun completion bash > /etc/bash_completion.d/daemun
  $ daemun completion zsh > "\${fpath[1]}/_daemun"
  $ daemun completion fish > ~/.config/fish/completions/daemun.fish

Exit status: 0, 2 for a wrong command line.`;

/** `program` gives every command of the command line. */
export function completionCommand(program: () => Promise<readonly Command[]>): Command {
  return new Command('completion')
    .summary('print a script that completes commands and flags in a shell')
    .description('Prints a script that completes commands, flags, their values and paths in the given shell.')
    .addArgument(new Argument('<shell>', 'whose script to print').choices([...SHELLS]))
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../completion/index.ts');
      process.stdout.write(completionScript(shell, await program()));
    });
}

/** Completion scripts, made of the commands themselves: what `--help` shows is what a shell completes. */
import type { Command } from 'commander';
import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import type { Shell } from './shell.ts';
import { wordsOf } from './word.ts';
import { zshScript } from './zsh.ts';

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const words = wordsOf(commands);
  switch (shell) {
    case 'bash':
      return bashScript(words);
    case 'zsh':
      return zshScript(words);
    case 'fish':
      return fishScript(words);
  }
}

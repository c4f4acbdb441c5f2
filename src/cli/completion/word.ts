/** What may stand on the command line, as the shells' scripts need it. */
import type { Command, Option } from 'commander';

/** What completes a value: these words, names of files, or nothing that a shell can know. */
export type Value = readonly string[] | 'files' | 'any';

export interface FlagWord {
  /** As written: `-o` and `--output`. */
  names: readonly string[];
  summary: string;
  /** Absent: the flag takes none. */
  value?: Value;
}

export interface CommandWord {
  /** `debug graph`; '' for the command line itself. */
  path: string;
  summary: string;
  flags: readonly FlagWord[];
  /** Commands that may follow. */
  commands: ReadonlyArray<{ name: string; summary: string }>;
  /** What else may follow. */
  value?: Value;
}

const HELP: FlagWord = { names: ['-h', '--help'], summary: 'display help for command' };
const VERSION: FlagWord = { names: ['-V', '--version'], summary: 'output the version number' };

/** The command line itself first, then every command. */
export function wordsOf(commands: readonly Command[]): CommandWord[] {
  const root = { path: '', summary: '', flags: [VERSION, HELP], commands: commands.map(named) };
  return [root, ...commands.flatMap((command) => below('', command))];
}

function below(parent: string, command: Command): CommandWord[] {
  const path = `${parent} ${command.name()}`.trim();
  const [argument] = command.registeredArguments;
  const word: CommandWord = {
    path,
    summary: command.summary(),
    flags: [...command.options.map(flagWord), HELP],
    commands: command.commands.map(named),
    ...(argument ? { value: argument.argChoices ?? 'files' } : {}),
  };
  return [word, ...command.commands.flatMap((one) => below(path, one))];
}

function named(command: Command): { name: string; summary: string } {
  return { name: command.name(), summary: command.summary() };
}

function flagWord(option: Option): FlagWord {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  const summary = option.description;
  if (!option.required && !option.optional) return { names, summary };
  const files = /<(?:path|file)/.test(option.flags);
  return { names, summary, value: option.argChoices ?? (files ? 'files' : 'any') };
}

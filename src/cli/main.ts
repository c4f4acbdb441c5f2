/** The command line. Each command is a file, and only what was asked for is loaded. */
import { Command, CommanderError } from 'commander';
import { endWithReader } from './closed-output.ts';
import { errorLine, usageLines } from './error-text.ts';
import { EXIT } from './exit-code.ts';
import { packageVersion } from './version.ts';

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./command/run.ts')).runCommand(),
  controller: async () => (await import('./command/controller.ts')).controllerCommand(),
  proxy: async () => (await import('./command/proxy.ts')).proxyCommand(),
  dataplane: async () => (await import('./command/dataplane.ts')).dataplaneCommand(),
  check: async () => (await import('./command/check.ts')).checkCommand(),
  status: async () => (await import('./command/status.ts')).statusCommand(),
  explain: async () => (await import('./command/explain.ts')).explainCommand(),
  cache: async () => (await import('./command/cache.ts')).cacheCommand(),
  debug: async () => (await import('./command/debug.ts')).debugCommand(),
  demo: async () => (await import('./command/demo.ts')).demoCommand(),
  completion: async () => (await import('./command/completion.ts')).completionCommand(allCommands),
  version: async () => (await import('./command/version.ts')).versionCommand(),
};

/** Sets process.exitCode. `argv` as Node gives it. */
export async function main(argv: string[]): Promise<void> {
  endWithReader();
  const program = telling(new Command('daemun'))
    .description('A Kubernetes Gateway API gateway: plain manifests in, traffic served, with or without a cluster.')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(daemun COMMAND --help shows what there is)')
    .exitOverride();
  for (const name of asked(argv[2])) program.addCommand(throwing(await COMMANDS[name]!()));
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

/** Those of its own do not do as it does by themselves. */
function throwing(command: Command): Command {
  for (const one of command.commands) throwing(one);
  return telling(command).exitOverride();
}

/** Columns that a description has at least: beside our longest flags a terminal of 80 has no more. */
const DESCRIPTION_COLUMNS = 24;

/** Arguments are file names that shells found, and texts that scripts took from objects. */
function telling(command: Command): Command {
  return command
    .configureOutput({ outputError: (text, write) => write(usageLines(text)) })
    .configureHelp({ minWidthToWrap: DESCRIPTION_COLUMNS });
}

/** In the order of --help. */
export function allCommands(): Promise<Command[]> {
  return Promise.all(Object.values(COMMANDS).map((command) => command()));
}

/** Commands that this command line can need: all of them for help and for a name that is not one. */
function asked(first: string | undefined): string[] {
  if (first === '--version' || first === '-V') return [];
  return first !== undefined && Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
}

// Commander has printed its own errors by now; ours are printed here.
function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const code = (error as { code?: unknown }).code;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(errorLine(`error: ${typeof code === 'string' ? `${code}: ` : ''}${message}`));
  return EXIT.refused;
}

/** Options that several commands share, and the way from a reader that throws to a usage error. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { CONTROLLER_NAME } from '../value/controller-name.ts';
import { milliseconds } from '../value/duration.ts';
import { type HostPort, hostPort } from './address.ts';

/** Commander wants its own error type for what a flag's text does wrong. */
export function usage<T, B = T>(read: (text: string, before?: B) => T): (text: string, before?: B) => T {
  return (text, before) => {
    try {
      return read(text, before);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** Milliseconds of a duration in the Gateway API's form. */
export function duration(text: string): number {
  const read = milliseconds(text);
  if (read === undefined) throw new Error(`"${text}" is not a duration, such as 30s, 1m30s or 500ms`);
  return read;
}

/** For repeatable flags. */
export function each<T>(read: (text: string) => T): (text: string, before?: T[]) => T[] {
  return usage((text: string, before?: T[]) => [...(before ?? []), read(text)]);
}

/** Of a report. Named here and not where they are printed: what takes flags must not load what reads manifests. */
const OUTPUTS = ['table', 'wide', 'json', 'yaml'] as const;
export type Output = (typeof OUTPUTS)[number];

/** Of `daemun debug graph`. */
export const GRAPH_OUTPUTS = ['table', 'json', 'yaml'] as const;
export type GraphOutput = (typeof GRAPH_OUTPUTS)[number];

/** Of `daemun cache purge`. */
export const PURGE_OUTPUTS = ['table', 'json', 'yaml'] as const;
export type PurgeOutput = (typeof PURGE_OUTPUTS)[number];

export const ADMIN_DEFAULT: HostPort = { host: '127.0.0.1', port: 15000 };

export function filesOption(): Option {
  return new Option(
    '-f, --file <path...>',
    'files or folders with manifests, YAML or JSON; - for standard input (repeatable)',
  );
}

/** The same without its flag. */
export function pathsArgument(): Argument {
  return new Argument('[path...]', 'the same as -f');
}

/** A usage error where no path was named at all. Told by hand, so that an unknown flag is told first. */
export function namedPaths(words: readonly string[], file: readonly string[] | undefined, command: Command): string[] {
  const paths = [...words, ...(file ?? [])];
  if (paths.length === 0) command.error('error: name files or folders with manifests, or - for standard input');
  return paths;
}

export function outputOption(formats: readonly string[] = OUTPUTS): Option {
  return new Option('-o, --output <format>', 'how to print').choices([...formats]).default('table');
}

export function watchOption(): Option {
  return new Option('-w, --watch', 'print again whenever it has changed, until Ctrl-C');
}

export function controllerOption(usual = 'all'): Option {
  return new Option(
    '--controller-name <name>',
    `adopt only GatewayClasses of this controllerName (repeatable; default: ${usual})`,
  ).argParser(each((text) => text));
}

/** In a cluster others have classes of their own: without a name only ours are looked at. */
export const CLUSTER_CONTROLLER: string = CONTROLLER_NAME;

export function adminOption(usual = ''): Option {
  return new Option(
    '--admin <host:port>',
    `admin address of a running gateway${usual && ` (default: ${usual})`}`,
  ).argParser(usage((text) => hostPort(text)));
}

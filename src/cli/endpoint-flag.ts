/** `--endpoint` and `--echo-backends`: what stands behind Services that have no endpoints of their own. */
import { type Command, Option } from 'commander';
import type { EndpointOption } from '../sources/index.ts';
import { each } from './option.ts';

export function endpointOption(): Option {
  return new Option('--endpoint <ns/service:port=host:port,...>', 'endpoints of a Service (repeatable)').argParser(
    each((text) => text),
  );
}

export function echoOption(): Option {
  return new Option('--echo-backends', 'answer for each Service that has no endpoints with a built-in echo');
}

/** A usage error for one that cannot be read. */
export async function readEndpoints(texts: string[] | undefined, command: Command): Promise<EndpointOption[]> {
  // Its reader comes with the sources, which are too much to load for --help.
  const { parseEndpointOption } = await import('../sources/index.ts');
  try {
    return (texts ?? []).map(parseEndpointOption);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}

/** Manifests as a command line names them. */
import type { PipelineOptions } from '../control/index.ts';
import { type EndpointOption, fileSource } from '../sources/index.ts';

export interface NamedManifests {
  /** Files and folders; `-` is standard input. */
  paths: string[];
  /** Follow changes. */
  watch: boolean;
  endpoints: EndpointOption[];
}

export function manifestSource(named: NamedManifests): PipelineOptions['source'] {
  const stdin = named.paths.includes('-') ? { stdin: process.stdin } : {};
  return (lastGood) => fileSource({ ...named, ...stdin, lastGood });
}

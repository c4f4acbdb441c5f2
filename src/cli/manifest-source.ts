/** Manifests as a command line names them. */
import { Readable } from 'node:stream';
import type { PipelineOptions } from '../control/index.ts';
import { type EndpointOption, fileSource } from '../sources/index.ts';

export interface NamedManifests {
  /** Files and folders; `-` is standard input. */
  paths: string[];
  /** Follow changes. */
  watch: boolean;
  endpoints: EndpointOption[];
  /** Manifests themselves, read as if they came from standard input. */
  manifests?: string;
}

export function manifestSource({ manifests, ...named }: NamedManifests): PipelineOptions['source'] {
  if (manifests !== undefined) {
    const made = { ...named, paths: ['-', ...named.paths], stdin: Readable.from([manifests]) };
    return (lastGood) => fileSource({ ...made, lastGood });
  }
  const stdin = named.paths.includes('-') ? { stdin: process.stdin } : {};
  return (lastGood) => fileSource({ ...named, ...stdin, lastGood });
}

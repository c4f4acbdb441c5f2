/** `--cache-path` and what goes with it: a disk for answers that policies keep. */
import { lstatSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { FleetSetup } from './fleet.ts';
import { usage } from './option.ts';

export interface CacheFlags {
  cachePath?: string;
  cacheBytes?: number;
  workers: number;
}

/** Where it is not said: as much as a small volume has. */
const CACHE_BYTES = 1024 ** 3;
/** Less is of no use to anybody. */
const LEAST_BYTES = 1024 ** 2;
/** In the folder that is named, so that a volume may be anybody's. */
const OWN_FOLDER = 'daemun-answers';

export function cacheOptions(): Option[] {
  return [
    new Option(
      '--cache-path <folder>',
      "where answers are kept besides memory, for ResponsePolicies with cache.disk; this gateway's alone",
    ),
    new Option('--cache-bytes <n>', 'most bytes of them there (default: 1073741824)').argParser(usage(leastBytes)),
  ];
}

function leastBytes(text: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= LEAST_BYTES) return Number(text);
  throw new Error(`"${text}" is not a number of bytes from ${LEAST_BYTES} on`);
}

/** A usage error for a folder into which others can write. One that cannot be written now may be later. */
export function cacheDiskOf(flags: CacheFlags, command: Command): Pick<FleetSetup, 'cacheDisk'> {
  const { cachePath, cacheBytes = CACHE_BYTES, workers } = flags;
  if (cachePath === undefined) {
    if (flags.cacheBytes !== undefined) command.error('error: --cache-bytes goes with --cache-path');
    return {};
  }
  const path = join(resolve(cachePath), OWN_FOLDER);
  const why = whyNotOwn(path);
  if (why !== undefined) command.error(`error: --cache-path ${cachePath}: ${path} ${why}`);
  return { cacheDisk: { path, maxBytes: cacheBytes, workers } };
}

function whyNotOwn(path: string): string | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch {
    return undefined;
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) return 'is no folder';
  if (found.uid !== process.getuid?.()) return 'belongs to another user';
  return (found.mode & 0o077) === 0 ? undefined : 'can be read or written by others: give it mode 0700';
}

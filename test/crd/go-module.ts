import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { inflateRawSync } from 'node:zlib';

/** The files of a Go module by their paths in it, or why they are not to be had. */
export type ModuleFiles = { files: Map<string, string> } | { missing: string };

/**
 * Fetches a module through Go and reads its text files from the archive in Go's cache. A module that asks for a
 * newer Go is read all the same: its archive is complete, it is only not unpacked.
 */
export async function goModule(name: string, wanted: (path: string) => boolean): Promise<ModuleFiles> {
  const answer = await run('go', ['mod', 'download', '-json', name]);
  if (answer.missing !== undefined) return { missing: answer.missing };
  const { Zip: zip, Error: error } = JSON.parse(answer.stdout || '{}') as { Zip?: string; Error?: string };
  if (!zip) return { missing: `${name} cannot be downloaded: ${error ?? answer.stderr}` };
  return { files: unzip(await readFile(zip), (path) => path.slice(name.length + 1), wanted) };
}

function run(command: string, args: string[]): Promise<{ stdout: string; stderr: string; missing?: string }> {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod' };
  return new Promise((resolve) => {
    execFile(command, args, { cwd: tmpdir(), env, timeout: 120_000 }, (error, stdout, stderr) => {
      const missing = error && 'code' in error && error.code === 'ENOENT' ? `${command} is not installed` : undefined;
      resolve({ stdout, stderr, missing });
    });
  });
}

const END_OF_DIRECTORY = 0x06054b50;
const DEFLATED = 8;

/** Reads a zip archive by its central directory; enough for what Go writes (no encryption, no zip64). */
function unzip(zip: Buffer, rename: (path: string) => string, wanted: (path: string) => boolean): Map<string, string> {
  let end = zip.length - 22;
  while (zip.readUInt32LE(end) !== END_OF_DIRECTORY) end--;
  const files = new Map<string, string>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = zip.readUInt16LE(at + 28);
    const path = rename(zip.toString('utf8', at + 46, at + 46 + nameLength));
    if (wanted(path)) files.set(path, content(zip, at).toString('utf8'));
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}

function content(zip: Buffer, entry: number): Buffer {
  const header = zip.readUInt32LE(entry + 42);
  const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
  const bytes = zip.subarray(start, start + zip.readUInt32LE(entry + 20));
  return zip.readUInt16LE(entry + 10) === DEFLATED ? inflateRawSync(bytes) : bytes;
}

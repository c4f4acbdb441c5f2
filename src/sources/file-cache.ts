import { readFile, stat } from 'node:fs/promises';
import { chunksOf } from './chunk.ts';
import { type Entry, entriesOf } from './document.ts';
import { isMissing, reasonOf } from './file-tree.ts';

/** A document of a file, with the objects that are in it. */
export interface ParsedChunk {
  text: string;
  /** Lines of the file before it. */
  line: number;
  entries: Entry[];
}

/** A file as read. Content that did not change comes as the same chunks with the same entries. */
export type ParsedFile = { chunks: ParsedChunk[] } | { error: string; missing: boolean };

/** Larger files are refused: a whole cluster's routes are a tenth of this. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * A file changed this shortly before it was read may be changed again without a trace in its times, whose steps
 * are this coarse on some file systems.
 */
const TIMESTAMP_STEP_MS = 2000;

/** A file that was written less than this long ago, in milliseconds, may be half written and is read later ... */
const SETTLE_MS = 20;
/** ... unless it has been so for this long. */
const SETTLE_PATIENCE_MS = 250;

interface Cached {
  /** Size, times and inode; '' where they cannot be trusted yet. */
  signature: string;
  text: string;
  parsed: ParsedFile;
  /** When the file was first found to be half written, perhaps; absent: it is not. */
  unsettledSince?: number;
}

/** Parses files, and only what changed in them since they were parsed last. */
export class FileCache {
  #cached = new Map<string, Cached>();
  /** Documents parsed since the start. */
  parses = 0;
  /** Files whose new content was not read yet, since it may still be on its way. */
  readonly unsettled = new Set<string>();

  /** Reads a file. The answer is the identical object when its bytes are the same as before. */
  async read(path: string): Promise<ParsedFile> {
    try {
      const before = this.#cached.get(path);
      const { signature, size, once, age } = await this.#look(path);
      if (before && (once || (signature !== '' && signature === before.signature))) return before.parsed;
      if (before && this.#mustSettle(path, before, age)) return before.parsed;
      if (size > MAX_FILE_BYTES) {
        return { error: `is larger than ${MAX_FILE_BYTES} bytes; split it`, missing: false };
      }
      return this.parse(path, { bytes: await readFile(path), signature });
    } catch (error) {
      return { error: reasonOf(error), missing: isMissing(error) };
    }
  }

  /** Editors empty a file and fill it again: what is read in between would take away every object in it. */
  #mustSettle(path: string, cached: Cached, age: number): boolean {
    const now = performance.now();
    cached.unsettledSince ??= now;
    const wait = age >= 0 && age < SETTLE_MS && now - cached.unsettledSince < SETTLE_PATIENCE_MS;
    if (wait) {
      this.unsettled.add(path);
    } else {
      cached.unsettledSince = undefined;
      this.unsettled.delete(path);
    }
    return wait;
  }

  /** Takes content that was read elsewhere. */
  parse(path: string, { bytes, signature = '' }: { bytes: Uint8Array; signature?: string }): ParsedFile {
    const before = this.#cached.get(path);
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      return { error: notText(bytes), missing: false };
    }
    if (before?.text === text) {
      before.signature = signature;
      return before.parsed;
    }
    const parsed = { chunks: this.#chunks(text, before?.parsed) };
    this.#cached.set(path, { signature, text, parsed });
    return parsed;
  }

  /** Forgets all files but these. */
  retain(paths: ReadonlySet<string>): void {
    for (const path of this.#cached.keys()) if (!paths.has(path)) this.#cached.delete(path);
    for (const path of this.unsettled) if (!paths.has(path)) this.unsettled.delete(path);
  }

  #chunks(text: string, before: ParsedFile | undefined): ParsedChunk[] {
    const known = new Map<string, Entry[]>();
    if (before && 'chunks' in before) for (const { text, entries } of before.chunks) known.set(text, entries);
    return chunksOf(text).map((chunk) => {
      const same = known.get(chunk.text);
      if (!same) this.parses++;
      return { ...chunk, entries: same ?? entriesOf(chunk.text) };
    });
  }

  async #look(path: string): Promise<{ signature: string; size: number; once: boolean; age: number }> {
    const { ino, dev, size, mtimeNs, ctimeNs, mtimeMs, ctimeMs, ...entry } = await stat(path, { bigint: true });
    const settled = Date.now() - Number(ctimeMs) > TIMESTAMP_STEP_MS;
    const signature = settled ? [dev, ino, size, mtimeNs, ctimeNs].join(':') : '';
    // Pipes and devices give their content once.
    const once = (Number(entry.mode) & S_IFMT) !== S_IFREG;
    return { signature, size: Number(size), once, age: Date.now() - Number(mtimeMs) };
  }
}

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** PowerShell's `>` and old editors write UTF-16, with a mark at the start. */
function notText([first, second]: Uint8Array): string {
  const wide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return `is not UTF-8 text${wide ? ' but UTF-16: save it as UTF-8' : ''}`;
}

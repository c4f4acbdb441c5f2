/**
 * An answer as a file: a prelude of fixed length, a head of JSON, and the body. All of it is checked before it is used, so
 * that half of one, one that a crash left, or another's is as good as none.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { StoredAnswer } from '../state/stored-answer.ts';

const MAGIC = 'DMNKEPT1';
/** Magic, lengths of head and body, and their checksums. */
export const PRELUDE: number = 24;
/** Bytes of a head; what has a longer one is not kept on a disk. */
export const MAX_FILE_HEAD: number = 64 * 1024;

/** Whose it is: a file of another is none. */
export interface FileKey {
  /** `ResponsePolicy/namespace/name`. */
  readonly source: string;
  readonly key: string;
  readonly host: string;
  readonly target: string;
}

type Times = 'storedAt' | 'freshUntil' | 'whileRevalidatedUntil' | 'ifErrorUntil';
const TIMES: readonly Times[] = ['storedAt', 'freshUntil', 'whileRevalidatedUntil', 'ifErrorUntil'];

/** What is kept under a key by itself: an answer, or where answers have Vary, by which lines they differ. */
export type FileContent =
  | { type: 'answer'; answer: Omit<StoredAnswer, 'body'>; bodyLength: number; bodySum: number; bodyAt: number }
  | { type: 'variants'; names: string[] };

interface Head extends FileKey {
  /** Times are of the clock on the wall: who reads it may be another process. */
  answer?: Omit<StoredAnswer, 'body'>;
  names?: string[];
}

/** Between the clock of a process and the one on the wall. */
function moved(answer: Omit<StoredAnswer, 'body'>, by: number): Omit<StoredAnswer, 'body'> {
  const times = Object.fromEntries(TIMES.map((name) => [name, answer[name] + by]));
  return { ...answer, ...times };
}

/** Null: its head is too long. */
export function fileOf(key: FileKey, content: StoredAnswer | string[]): Buffer[] | null {
  const { source, key: text, host, target } = key;
  const head: Head = { source, key: text, host, target };
  let body: Buffer = Buffer.alloc(0);
  if (Array.isArray(content)) head.names = content;
  else {
    const { body: own, ...answer } = content;
    body = own;
    head.answer = moved(answer, performance.timeOrigin);
  }
  const bytes = Buffer.from(JSON.stringify(head));
  if (bytes.length > MAX_FILE_HEAD) return null;
  const prelude = Buffer.alloc(PRELUDE);
  prelude.write(MAGIC, 'latin1');
  prelude.writeUInt32LE(bytes.length, 8);
  prelude.writeUInt32LE(body.length, 12);
  prelude.writeUInt32LE(crc32(bytes), 16);
  prelude.writeUInt32LE(crc32(body), 20);
  return [Buffer.concat([prelude, bytes]), body];
}

/** Bytes of prelude and head, or undefined: it is no such file. */
export function headEnd(bytes: Buffer): number | undefined {
  if (bytes.length < PRELUDE || bytes.latin1Slice(0, MAGIC.length) !== MAGIC) return undefined;
  const length = bytes.readUInt32LE(8);
  return length > MAX_FILE_HEAD ? undefined : PRELUDE + length;
}

/** `bytes`: at least as much as `headEnd` says. Undefined: it is no such file, or another's. `size`: of the file. */
export function readFileHead(bytes: Buffer, size: number): (FileKey & FileContent) | undefined {
  const end = headEnd(bytes);
  if (end === undefined || bytes.length < end) return undefined;
  const head = bytes.subarray(PRELUDE, end);
  const bodyLength = bytes.readUInt32LE(12);
  if (crc32(head) !== bytes.readUInt32LE(16) || size !== end + bodyLength) return undefined;
  try {
    const { answer, names, ...key } = JSON.parse(head.toString()) as Head;
    if (answer === undefined) return names === undefined ? undefined : { ...key, type: 'variants', names };
    // JSON has nothing for what is not there.
    const whole = { ...answer, etag: answer.etag ?? undefined, lastModified: answer.lastModified ?? undefined };
    const bodySum = bytes.readUInt32LE(20);
    return { ...key, type: 'answer', answer: moved(whole, -performance.timeOrigin), bodyLength, bodySum, bodyAt: end };
  } catch {
    return undefined;
  }
}

/** What names are made of: nothing that anybody wrote stands in a path. */
export function digestOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length} ${part}`);
  return hash.digest('hex').slice(0, 40);
}

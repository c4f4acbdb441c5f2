/** Crypt's MD5 ($1$, and apr1 of Apache), SHA-256 ($5$) and SHA-512 ($6$): the hash of a password by the salt of another. */
import { createHash } from 'node:crypto';

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function digest(algorithm: string, ...parts: readonly Buffer[]): Buffer {
  const made = createHash(algorithm);
  for (const part of parts) made.update(part);
  return made.digest();
}

/** As many bytes as asked for, of one block over and over. */
function stretched(block: Buffer, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => block[i % block.length]!));
}

/** Bytes as digits of 64, the lowest first. */
function digits(value: number, count: number): string {
  let text = '';
  for (let i = 0, rest = value; i < count; i++, rest >>>= 6) text += DIGITS[rest & 63];
  return text;
}

const MD5_ROUNDS = 1000;

export function md5Crypt(setting: string, password: Buffer): string {
  const [, kind = '', text = ''] = setting.split('$');
  const magic = Buffer.from(`$${kind}$`);
  const salt = Buffer.from(text.slice(0, 8), 'utf8');
  const inner = digest('md5', password, salt, password);
  const bits: Buffer[] = [];
  for (let length = password.length; length > 0; length >>>= 1) {
    bits.push(length & 1 ? Buffer.alloc(1) : password.subarray(0, 1));
  }
  let sum = digest('md5', password, magic, salt, stretched(inner, password.length), ...bits);
  for (let round = 0; round < MD5_ROUNDS; round++) {
    const parts = [round & 1 ? password : sum];
    if (round % 3 !== 0) parts.push(salt);
    if (round % 7 !== 0) parts.push(password);
    parts.push(round & 1 ? sum : password);
    sum = digest('md5', ...parts);
  }
  const triple = (a: number, b: number, c: number): string => digits((sum[a]! << 16) | (sum[b]! << 8) | sum[c]!, 4);
  const made = [0, 1, 2, 3, 4].map((i) => triple(i, i + 6, i === 4 ? 5 : i + 12)).join('') + digits(sum[11]!, 2);
  return `$${kind}$${text}$${made}`;
}

const SHA_ROUNDS = 5000;

export function shaCrypt(setting: string, password: Buffer): string {
  const parts = setting.split('$');
  const algorithm = parts[1] === '5' ? 'sha256' : 'sha512';
  const given = /^rounds=(\d+)$/.exec(parts[2] ?? '')?.[1];
  const text = parts[given === undefined ? 2 : 3] ?? '';
  const rounds = given === undefined ? SHA_ROUNDS : Math.max(1000, Number(given));
  const salt = Buffer.from(text.slice(0, 16), 'utf8');
  const sum = shaSum(algorithm, { salt, password, rounds });
  return `$${parts[1]}$${given === undefined ? '' : `rounds=${given}$`}${text}$${shaDigits(sum)}`;
}

function shaSum(
  algorithm: string,
  { salt, password, rounds }: { salt: Buffer; password: Buffer; rounds: number },
): Buffer {
  const inner = digest(algorithm, password, salt, password);
  const bits: Buffer[] = [];
  for (let length = password.length; length > 0; length >>>= 1) bits.push(length & 1 ? inner : password);
  let sum = digest(algorithm, password, salt, stretched(inner, password.length), ...bits);
  const repeated = (of: Buffer, times: number): Buffer => digest(algorithm, ...Array<Buffer>(times).fill(of));
  const p = stretched(repeated(password, password.length), password.length);
  const s = stretched(repeated(salt, 16 + sum[0]!), salt.length);
  for (let round = 0; round < rounds; round++) {
    const parts = [round & 1 ? p : sum];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(round & 1 ? sum : p);
    sum = digest(algorithm, ...parts);
  }
  return sum;
}

/** Three bytes at a time, from three thirds of the sum that take turns in coming first. */
function shaDigits(sum: Buffer): string {
  const third = Math.floor(sum.length / 3);
  let text = '';
  for (let i = 0; i < third; i++) {
    const turn = [i, i + third, i + 2 * third];
    const shift = sum.length === 64 ? i % 3 : (3 - (i % 3)) % 3;
    const [a, b, c] = [0, 1, 2].map((at) => sum[turn[(at + shift) % 3]!]!) as [number, number, number];
    text += digits((a << 16) | (b << 8) | c, 4);
  }
  return text + (sum.length === 64 ? digits(sum[63]!, 2) : digits((sum[31]! << 8) | sum[30]!, 3));
}

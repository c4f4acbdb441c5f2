/** The thread that compares passwords with hashes (proxy/state/password-hashing.ts). */
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';
import { md5Crypt, shaCrypt } from '../value/crypt.ts';

interface Asked {
  hash: string;
  password: Uint8Array;
}

/** Bytes of a password that are looked at: bcrypt knows 72, and a longer one than this is nobody's. */
const MOST = 1024;

parentPort!.on('message', ({ hash, password }: Asked) => {
  parentPort!.postMessage(password.length <= MOST && matches(hash, Buffer.from(password)));
});

function matches(hash: string, password: Buffer): boolean {
  try {
    if (hash.startsWith('$2')) return compareSync(password.toString('utf8'), hash);
    if (hash.startsWith('$apr1$') || hash.startsWith('$1$')) return md5Crypt(hash, password) === hash;
    return shaCrypt(hash, password) === hash;
  } catch {
    return false;
  }
}

/** How a snapshot is encrypted where it lies on a disk: AES-256-GCM, with a key made anew for every file. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

export interface Seal {
  /** What stands before the rest. */
  begin: Buffer;
  update(bytes: Buffer): Buffer;
  end(): Buffer;
}

export interface Cipher {
  seal(): Seal;
  /** Throws an Error where the bytes are not what was sealed. */
  open(bytes: Buffer): Buffer;
}

const NOTHING = Buffer.alloc(0);

export const NO_CIPHER: Cipher = {
  seal: () => ({ begin: NOTHING, update: (bytes) => bytes, end: () => NOTHING }),
  open(bytes) {
    if (bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('is encrypted, and --snapshot-key is not given');
    return bytes;
  },
};

/** How such a file begins; a plain one begins with a brace. */
const MAGIC = Buffer.from('daemun-sealed-1\n');
const SALT = 32;
const NONCE = 12;
const TAG = 16;

export function sealing(secret: Buffer): Cipher {
  const keyOf = (salt: Buffer): Buffer => Buffer.from(hkdfSync('sha256', secret, salt, 'daemun snapshot', 32));
  return {
    seal() {
      const salt = randomBytes(SALT);
      const nonce = randomBytes(NONCE);
      const cipher = createCipheriv('aes-256-gcm', keyOf(salt), nonce);
      return {
        begin: Buffer.concat([MAGIC, salt, nonce]),
        update: (bytes) => cipher.update(bytes),
        end: () => Buffer.concat([cipher.final(), cipher.getAuthTag()]),
      };
    },
    open(bytes) {
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
        throw new Error('is not encrypted, and --snapshot-key is given');
      const salt = bytes.subarray(MAGIC.length, MAGIC.length + SALT);
      const nonce = bytes.subarray(MAGIC.length + SALT, MAGIC.length + SALT + NONCE);
      const sealed = bytes.subarray(MAGIC.length + SALT + NONCE, -TAG);
      try {
        const decipher = createDecipheriv('aes-256-gcm', keyOf(salt), nonce);
        decipher.setAuthTag(bytes.subarray(-TAG));
        return Buffer.concat([decipher.update(sealed), decipher.final()]);
      } catch {
        throw new Error('is broken, or encrypted with another key than that of --snapshot-key');
      }
    },
  };
}

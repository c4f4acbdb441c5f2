/** Bytes of base64url (RFC 4648 5) without padding: Node reads over what it does not know, and we do not. */

/** Undefined for what is nothing, not base64url, or not in its one form: bits that say nothing must be 0. */
export function readBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined;
}

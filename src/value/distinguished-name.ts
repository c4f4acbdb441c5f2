/** Names of subjects and issuers of certificates, as Node writes them and as others read them. */

/** Node writes a line for each part; a part with several values has them on one. */
export function nameParts(name: string): string[] {
  return name.split('\n').filter((part) => part !== '');
}

/** As RFC 4514 writes it: the last part first, and what would end one escaped. */
export function distinguishedName(name: string): string {
  return nameParts(name)
    .reverse()
    .map((part) => {
      const equals = part.indexOf('=') + 1;
      return part.slice(0, equals) + part.slice(equals).replace(/[,+"\\<>;]/g, '\\$&');
    })
    .join(',');
}

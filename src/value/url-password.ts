/** What stands before the host of a URL may be a password, and messages go to statuses, logs and terminals. */

const USER_INFO = /(:\/\/)[^\s/?#"']*@/g;

export function withoutPassword(text: string): string {
  return text.includes('@') ? text.replace(USER_INFO, '$1…@') : text;
}

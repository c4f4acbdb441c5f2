/** Entity tags (RFC 9110 8.8.3) as they are compared where a client asks for what it has not: the weak way. */
import { type Head, nameHash } from '../ground/head.ts';

const IF_NONE_MATCH = nameHash('if-none-match');

/** What the client says it has: all lines of If-None-Match as one; undefined: nothing. */
export function tagsOf(head: Head): string | undefined {
  return head.joined('if-none-match', IF_NONE_MATCH);
}

/** One of `tags` is `tag`, be one of them weak or both. */
export function namesTag(tags: string, tag: string): boolean {
  return tagsIn(tags).some((one) => strong(one) === strong(tag));
}

/** `tag` stands there as the weak one that was made of it. */
export function namesWeakTag(tags: string, tag: string): boolean {
  return tagsIn(tags).includes(weak(tag));
}

function tagsIn(tags: string): string[] {
  return tags.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

export function isWeak(tag: string): boolean {
  return tag.startsWith('W/');
}

export function weak(tag: string): string {
  return isWeak(tag) ? tag : `W/${tag.trim()}`;
}

function strong(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

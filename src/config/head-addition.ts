/** How long filters make a head. The room that data planes compose in is made for this much and no more. */
import type { CorsFilter, Filter, HeaderModifier, PathModifier } from './route.ts';

/** Most bytes that the filters of a rule and of one of its backends together add to a head of requests, and as many to one of answers. */
export const MAX_ADDED_BYTES: number = 64 * 1024;

/** What stands around a value in `Name: value\r\n`. */
const LINE_OVERHEAD = 4;
/** What one byte of a path becomes at most: `%2F`. */
const ESCAPED = 3;
/** The lines that CORS writes, without what is configured of them. */
const CORS_LINES = 512;

export interface HeadAddition {
  /** Bytes. */
  request: number;
  response: number;
}

/** What these filters add at most, whatever the request. */
export function headAddition(filters: ReadonlyArray<Filter>): HeadAddition {
  const added: HeadAddition = { request: 0, response: 0 };
  for (const filter of filters) {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        added.request += linesOf(filter);
        break;
      case 'ResponseHeaderModifier':
        added.response += linesOf(filter);
        break;
      case 'URLRewrite':
        added.request += sizeOf(filter.hostname ?? '') + pathOf(filter.path);
        break;
      case 'RequestRedirect':
        added.response += sizeOf(filter.hostname ?? '') + pathOf(filter.path);
        break;
      case 'CORS':
        added.response += corsOf(filter);
        break;
      case 'DirectAnswer':
        added.response += sizeOf(filter.contentType) + LINE_OVERHEAD;
        break;
      case 'RequestMirror':
      // What a service adds is known only when it does: a head that becomes too long is refused then.
      case 'ExternalAuth':
        break;
    }
  }
  return added;
}

/** Which head these filters together make too long, and by how much they do; undefined: none. */
export function additionFault(...lists: ReadonlyArray<ReadonlyArray<Filter>>): string | undefined {
  const { request, response } = headAddition(lists.flat());
  if (Math.max(request, response) <= MAX_ADDED_BYTES) return undefined;
  const [head, bytes] = request > MAX_ADDED_BYTES ? ['request', request] : ['response', response];
  return `the filters add ${bytes} bytes to the head of a ${head}, and ${MAX_ADDED_BYTES} is the most that a rule and a backend together may add: shorten their values or take some out`;
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

function linesOf({ set, add }: HeaderModifier): number {
  return [...set, ...add].reduce((sum, { name, value }) => sum + sizeOf(name) + sizeOf(value) + LINE_OVERHEAD, 0);
}

function pathOf(path: PathModifier | undefined): number {
  return path === undefined ? 0 : ESCAPED * sizeOf(path.value);
}

function corsOf({ allowMethods, allowHeaders, exposeHeaders }: CorsFilter): number {
  const lists = [...allowMethods, ...allowHeaders, ...exposeHeaders];
  return CORS_LINES + lists.reduce((sum, name) => sum + sizeOf(name) + 2, 0);
}

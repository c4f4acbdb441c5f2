/** Lines in HTTP/1.1 form on their way into a header block: composed, encoded at once, and forgotten. */
import { ENCODE_END, ENCODE_START } from '../../ground/arena.ts';
import { Cursor } from '../../ground/cursor.ts';

export const LINES: Cursor = new Cursor(ENCODE_START, ENCODE_END);

/** Places in DECODE that are made to measure and then filled: start lines, and what joins split cookies. */
import { DECODE_END, DECODE_START } from '../../ground/arena.ts';
import { Cursor } from '../../ground/cursor.ts';

export const PLACE: Cursor = new Cursor(DECODE_START, DECODE_END);

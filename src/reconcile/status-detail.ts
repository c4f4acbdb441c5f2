/**
 * What of a status may wait a moment: how many routes and ListenerSets there are, and words. Whoever waits for a condition
 * waits for its status and reason.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from './status-shape.ts';

/** Fields that change with each route that comes, and the time that goes with others. */
const DETAILS: ReadonlySet<string> = new Set([
  'message',
  'lastTransitionTime',
  'attachedRoutes',
  'attachedListenerSets',
]);

/** The two say the same, but for numbers and words. */
export function differInDetail(a: Json, b: Json): boolean {
  return isDeepStrictEqual(outline(a), outline(b));
}

/** Without details, empty lists and the order of lists, which mean nothing here. */
function outline(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => JSON.stringify(outline(one))).sort();
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([name, field]) => !DETAILS.has(name) && !isNothing(field));
  return Object.fromEntries(
    fields.sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, field]) => [name, outline(field)]),
  );
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

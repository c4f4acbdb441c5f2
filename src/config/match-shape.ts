import * as v from 'valibot';
import type { HttpMatch, ValueMatch } from './route.ts';
import { key, object } from './shape.ts';

export const valueMatch = object<ValueMatch>({
  type: v.picklist(['Exact', 'RegularExpression']),
  name: key,
  value: v.string(),
});

export const httpMatch = object<HttpMatch>({
  path: v.object({ type: v.picklist(['Exact', 'PathPrefix', 'RegularExpression']), value: v.string() }),
  method: v.optional(key),
  headers: v.array(valueMatch),
  query: v.array(valueMatch),
});

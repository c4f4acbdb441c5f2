import * as v from 'valibot';
import type { HttpMatch, ValueMatch } from './route.ts';
import { key, object, type Shape } from './shape.ts';

export const valueMatch = object<ValueMatch>({
  type: v.picklist(['Exact', 'RegularExpression']),
  name: key,
  value: v.string(),
});

export const pathMatch: Shape<HttpMatch['path']> = v.object({
  type: v.picklist(['Exact', 'PathPrefix', 'RegularExpression']),
  value: v.string(),
});

export const httpMatch = object<HttpMatch>({
  path: pathMatch,
  method: v.optional(key),
  call: v.optional(key),
  headers: v.array(valueMatch),
  query: v.array(valueMatch),
});

import { list, map, object, optional, required, text } from './schema.ts';

/** The API server checks no more than the types; an operator that does not exist selects nothing. */
export const labelSelector = object({
  matchLabels: optional(map(text())),
  matchExpressions: optional(
    list(object({ key: required(text()), operator: required(text()), values: optional(list(text())) })),
  ),
});

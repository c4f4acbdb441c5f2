/**
 * Fields of statuses that the cluster's CRDs do not have, or have in another form: supportedFeatures was a list of words once.
 * Server-side apply refuses a whole status for one of them: without this a Gateway of an older release never says that it is
 * Programmed.
 */
import { isObject } from '../value/json-object.ts';
import type { Json } from './status-shape.ts';

/**
 * As structured-merge-diff writes it: `.status.listeners[name="http"].field: field not declared in schema`, or
 * `.status.supportedFeatures: element 0: associative list without keys has an element that's a map type`.
 */
const UNDECLARED =
  /\.status((?:\.\w+|\[[^\]]*\])+): (?:field not declared in schema|element \d+: associative list without keys)/g;

export class UndeclaredFields {
  /** By kind: paths below the status, such as `addresses[].routability`. */
  readonly #paths = new Map<string, Set<string>>();

  /** Of what the API server says; false where that is about no such field. */
  learn(kind: string, message: string): boolean {
    const told = [...message.matchAll(UNDECLARED)].map(([, path]) => path!.replace(/\[[^\]]*\]/g, '[]').slice(1));
    this.#paths.set(kind, new Set([...(this.#paths.get(kind) ?? []), ...told]));
    return told.length > 0;
  }

  /** CRDs may have changed: what is refused again is learned again. */
  forget(): void {
    this.#paths.clear();
  }

  without(kind: string, status: Json): Json {
    const paths = this.#paths.get(kind);
    return paths === undefined || paths.size === 0 ? status : (pruned(status, '', paths) as Json);
  }
}

function pruned(value: unknown, path: string, paths: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => pruned(one, `${path}[]`, paths));
  if (!isObject(value)) return value;
  const fields = Object.entries(value).map(
    ([name, field]) => [name, field, path === '' ? name : `${path}.${name}`] as const,
  );
  return Object.fromEntries(
    fields
      .filter(([, , place]) => !paths.has(place))
      .map(([name, field, place]) => [name, pruned(field, place, paths)]),
  );
}

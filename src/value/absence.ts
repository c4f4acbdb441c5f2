/** How it is said that an object which something refers to is not there, and where that is read again. */

/** An object by its name; `namespace` is '' where its kind has none. */
export interface NamedObject {
  kind: string;
  namespace: string;
  name: string;
}

const SAID = /\b([A-Z][A-Za-z]+) (?:([a-z0-9-]+)\/)?([a-z0-9.-]+) does not exist(?!; did you mean )/g;

/** `Kind namespace/name`, or `Kind name` where the kind has no namespaces. */
export function fullName({ kind, namespace, name }: NamedObject): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
}

export function absence(object: NamedObject): string {
  return `${fullName(object)} does not exist`;
}

/** The text with the name that was meant after each object that it says is not there, where one is known. */
export function withMeant(text: string, meant: (missing: NamedObject) => string | undefined): string {
  if (!text.includes(' does not exist')) return text;
  return text.replace(SAID, (said, ...[kind, namespace, name]: [string, string | undefined, string]) => {
    const like = meant({ kind, namespace: namespace ?? '', name });
    return like === undefined ? said : `${said}; did you mean ${like}?`;
  });
}

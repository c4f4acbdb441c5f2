/** Label and field selectors of lists and watches. */
import { type ApiObject, isJsonObject, Refusal } from './api-object.ts';

export type Selector = (object: ApiObject) => boolean;

export function selectorOf(query: URLSearchParams): Selector {
  const labels = parts(query.get('labelSelector')).map(labelTest);
  const fields = parts(query.get('fieldSelector')).map(fieldTest);
  return (object) => [...labels, ...fields].every((holds) => holds(object));
}

/** Commas inside of `in (a,b)` do not divide. */
function parts(text: string | null): string[] {
  return (text ?? '').split(/,(?![^(]*\))/).filter((part) => part.trim() !== '');
}

function labelTest(part: string): Selector {
  const set = /^\s*([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)\s*$/.exec(part);
  if (set !== null) {
    const values = set[3]!.split(',').map((value) => value.trim());
    const inside = set[2] === 'in';
    return ({ metadata }) => values.includes(metadata.labels?.[set[1]!] ?? '\0') === inside;
  }
  const pair = /^\s*([^\s!=]+)\s*(==?|!=)\s*(\S*)\s*$/.exec(part);
  if (pair !== null) {
    const equal = pair[2] !== '!=';
    return ({ metadata }) => (metadata.labels?.[pair[1]!] === pair[3]) === equal;
  }
  const lone = /^\s*(!?)([^\s!=]+)\s*$/.exec(part);
  if (lone === null) throw new Refusal(400, 'BadRequest', { message: `unable to parse requirement: ${part}` });
  return ({ metadata }) => Object.hasOwn(metadata.labels ?? {}, lone[2]!) === (lone[1] === '');
}

function fieldTest(part: string): Selector {
  const pair = /^([^=!]+)(==?|!=)(.*)$/.exec(part);
  if (pair === null) throw new Refusal(400, 'BadRequest', { message: `invalid field selector ${part}` });
  const path = pair[1]!.split('.');
  return (object) => {
    let at: unknown = object;
    for (const name of path) at = isJsonObject(at) ? at[name] : undefined;
    return (String(at ?? '') === pair[3]) === (pair[2] !== '!=');
  };
}

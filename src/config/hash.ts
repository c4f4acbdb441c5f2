/** The canonical form of a config value, and its hash: equal values have equal hashes, whatever order their keys came in. */
import { hash } from 'node:crypto';

/** JSON with sorted keys; absent and undefined members are the same. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    let out = '[';
    for (let i = 0; i < value.length; i++) out += (i === 0 ? '' : ',') + canonical(value[i]);
    return `${out}]`;
  }
  if (typeof value === 'object' && value !== null) return canonicalObject(value as Readonly<Record<string, unknown>>);
  // JSON knows neither undefined nor NaN in an array: both are null there.
  return JSON.stringify(value) ?? 'null';
}

function canonicalObject(value: Readonly<Record<string, unknown>>): string {
  let out = '{';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member === undefined) continue;
    out += `${out.length === 1 ? '' : ','}${JSON.stringify(name)}:${canonical(member)}`;
  }
  return `${out}}`;
}

/** SHA-256 of the canonical form, in base64url. */
export function canonicalHash(value: unknown): string {
  return hash('sha256', canonical(value), 'base64url');
}

/** Manifests of other gateways, and what `daemun check --suggest` makes of them. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import { type AnyResource, objectKey } from '../../src/api/index.ts';
import { admit } from '../../src/sources/admission.ts';
import { isObject, type JsonObject } from '../../src/value/json-object.ts';
import { foreignObject, type Suggestions, suggestions, VENDOR_GROUPS } from '../../src/vendor/index.ts';

const CASES = new URL('cases/', import.meta.url);

export const CASE_NAMES = ['nginx', 'nginx-tokens', 'envoy-traffic', 'envoy-security', 'envoy-routes', 'kong'] as const;
export type CaseName = (typeof CASE_NAMES)[number];

export interface Suggested extends Suggestions {
  /** What is written now: the case's own objects, those that are edited in their new form, and the new ones. */
  manifests: string;
}

function documents(file: string): JsonObject[] {
  const text = readFileSync(new URL(file, CASES), 'utf8');
  return parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return isObject(value) ? [value] : [];
  });
}

export function suggested(name: CaseName, also: readonly JsonObject[] = []): Suggested {
  const all = [...documents('site.yaml'), ...documents(`${name}.yaml`), ...also];
  const own = new Map<string, AnyResource>();
  for (const value of all) {
    const admission = admit(value);
    if (admission.verdict === 'refused') throw new Error(JSON.stringify(admission.problems));
    if (admission.verdict === 'accepted') own.set(admission.key, admission.resource);
  }
  const foreign = all.flatMap((value) =>
    VENDOR_GROUPS.includes(String(value.apiVersion).split('/')[0]!) ? (foreignObject(value) ?? []) : [],
  );
  const found = suggestions(own, foreign);
  for (const object of found.objects) own.set(objectKey(object), object);
  const written = [...own.values()].filter(({ kind }) => !kind.startsWith('Kong'));
  return { ...found, manifests: written.map((object) => stringify(object)).join('---\n') };
}

export function goldenOf(name: CaseName): string {
  return new URL(`golden/${name}.yaml`, import.meta.url).pathname;
}

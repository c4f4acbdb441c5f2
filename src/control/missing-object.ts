/** What more there is to say of an object that is referred to and not there, by whoever knows all objects. */
import type { AnyResource, Kind } from '../api/index.ts';
import type { Collection } from '../graph/index.ts';
import { type Diagnostic, nearest } from '../sources/index.ts';
import type { Diagnostic as Finding } from '../translate/index.ts';
import type { ResourceSource } from './resource-source.ts';

export interface KnownObjects {
  source: ResourceSource;
  /** What is wrong with the input by itself. */
  read: ReadonlyArray<Diagnostic>;
}

/** Objects of a kind that are looked through for a name like the missing one. */
const LOOKED_AT = 10_000;

/** What a policy is attached to: it names no namespace. */
const TARGET = /^spec\.targetRefs?\b/;

/**
 * Of an object that was left out for a fault of its own, one error is enough: who refers to it is told where that is.
 * Of another, where one of the same or nearly the same name is.
 */
export function hinted(findings: ReadonlyArray<Finding>, known: KnownObjects): Finding[] {
  const said = new Map<string, string>();
  return findings.map((finding) => {
    const { missing } = finding;
    if (missing === undefined) return finding;
    const fault = known.read.find(({ severity, object }) => severity === 'error' && object === missing);
    if (fault !== undefined) {
      const why = `was left out because of ${fault.file}:${fault.line}`;
      return { ...finding, severity: 'warning', message: finding.message.replace('does not exist', why) };
    }
    const way = TARGET.test(finding.field) ? 'put the policy into namespace ' : 'write namespace: ';
    const asked = `${way}${missing}`;
    let hint = said.get(asked);
    if (hint === undefined) said.set(asked, (hint = hintOf(missing, way, known)));
    const assumed = assumedNamespace(finding, known.source);
    return hint === '' && assumed === '' ? finding : { ...finding, message: `${finding.message}${hint}${assumed}` };
  });
}

function hintOf(missing: string, way: string, { source, read }: KnownObjects): string {
  const [kind, namespace, name] = missing.split('/') as [Kind, string, string];
  const objects = source.collections[kind] as Collection<AnyResource> | undefined;
  if (objects === undefined || objects.get(missing) !== undefined) return '';
  const here: string[] = [];
  const elsewhere: string[] = [];
  let looked = 0;
  for (const { metadata } of objects.values()) {
    if (looked++ >= LOOKED_AT) break;
    if (metadata.name === name) elsewhere.push(metadata.namespace ?? '');
    if ((metadata.namespace ?? '') === namespace) here.push(metadata.name);
  }
  // What was left out for a fault of its own was meant as well.
  for (const { severity, object } of read) {
    const [known, where, own] = object.split('/');
    if (severity !== 'error' || known !== kind || own === undefined) continue;
    if (own === name && where !== namespace) elsewhere.push(where!);
    else if (where === namespace) here.push(own);
  }
  const [other] = elsewhere.sort();
  if (other !== undefined) return `; there is ${kind} ${other}/${name}: ${way}${other}`;
  const like = nearest(name, here.sort());
  return like === undefined ? '' : `; did you mean ${like}?`;
}

/** Who names no namespace may not know where it looks. */
function assumedNamespace({ object, missing }: Finding, source: ResourceSource): string {
  const [, namespace] = missing!.split('/');
  if (namespace !== 'default' || source.placeOf?.(object)?.homeless !== true) return '';
  return `; ${object.split('/')[0]} ${object.split('/')[2]} names no metadata.namespace: taken as default`;
}

/**
 * Expected statuses, one a line:
 *
 *     HTTPRoute [ns/]name @[ns/]parent Accepted=False:NotAllowedByListeners ResolvedRefs=True
 *     Gateway name #listener attachedRoutes=1 kinds=HTTPRoute Programmed=True
 *     ListenerSet ns/name attachedListenerSets=2
 *
 * A part (`@parent` of a route or policy, `#listener`) narrows what the conditions are looked for in; without a
 * namespace the suite's infra namespace is meant; a reason may be left out; `kinds=` lists at least these, and no kind
 * where it is empty. Conditions of the whole report must be of the latest generation.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Condition } from '../../src/api/index.ts';
import type { Report, StatusItem } from '../../src/control/index.ts';
import { INFRA } from './manifests.ts';

interface Part {
  conditions?: Condition[];
  attachedRoutes?: number;
  attachedListenerSets?: number;
  supportedKinds?: Array<{ kind: string }>;
}

interface Ref {
  kind?: string;
  namespace?: string;
  name: string;
}

interface StatusShape extends Part {
  addresses?: Array<{ type: string; value: string }>;
  listeners?: Array<Part & { name: string }>;
  parents?: Array<Part & { parentRef: Ref }>;
  ancestors?: Array<Part & { ancestorRef: Ref }>;
}

/** Throws where the report does not say what the line does. */
export function checkStatus(report: Report, line: string): void {
  const [kind, name, ...words] = line.split(' ');
  const item = itemOf(report, kind!, name!);
  for (const part of partsOf(item, words[0])) {
    latest(item, part);
    for (const word of words.filter((one) => one.includes('='))) checkWord(part, word, line);
  }
}

function itemOf(report: Report, kind: string, named: string): StatusItem {
  const [namespace, name] = namespaced(named);
  const item = report.items.find(
    (one) => one.kind === kind && one.metadata.name === name && (one.metadata.namespace ?? namespace) === namespace,
  );
  ok(item, `no status of ${kind} ${namespace}/${name}`);
  return item;
}

function partsOf(item: StatusItem, word: string | undefined): Part[] {
  const status = item.status as StatusShape;
  if (word?.startsWith('#')) {
    const part = status.listeners?.find(({ name }) => name === word.slice(1));
    ok(part, `${item.kind} ${item.metadata.name} has no status of listener ${word.slice(1)}`);
    return [part];
  }
  if (!word?.startsWith('@')) return [status];
  const [namespace, name] = namespaced(word.slice(1));
  const own = item.metadata.namespace;
  const parts = [
    ...(status.parents ?? []).map((part) => ({ part, ref: part.parentRef })),
    ...(status.ancestors ?? []).map((part) => ({ part, ref: part.ancestorRef })),
  ].filter(({ ref }) => ref.name === name && (ref.namespace ?? own) === namespace);
  ok(parts.length > 0, `${item.kind} ${item.metadata.name} has no status for ${namespace}/${name}`);
  return parts.map(({ part }) => part);
}

function checkWord(part: Part, word: string, line: string): void {
  const [name, value = ''] = word.split('=');
  switch (name) {
    case 'attachedRoutes':
      equal(part.attachedRoutes, Number(value), `${line}: attachedRoutes`);
      return;
    case 'attachedListenerSets':
      equal(part.attachedListenerSets ?? 0, Number(value), `${line}: attachedListenerSets`);
      return;
    case 'addresses': {
      const addresses = (part as StatusShape).addresses ?? [];
      deepEqual(addresses, [{ type: 'IPAddress', value, routability: '' }], line);
      return;
    }
    case 'listeners':
      deepEqual(((part as StatusShape).listeners ?? []).map((one) => one.name).join(), value, line);
      return;
    case 'kinds': {
      const kinds = (part.supportedKinds ?? []).map(({ kind }) => kind);
      if (value === '') deepEqual(kinds, [], line);
      else for (const kind of value.split(',')) ok(kinds.includes(kind), `${line}: supported are ${kinds.join()}`);
      return;
    }
    default:
      checkCondition(part.conditions ?? [], { type: name!, expected: value, line });
  }
}

function checkCondition(
  conditions: Condition[],
  { type, expected, line }: { type: string; expected: string; line: string },
): void {
  const [status, reason] = expected.split(':');
  const found = conditions.find((condition) => condition.type === type);
  ok(found, `${line}: no condition ${type} among ${conditions.map((one) => one.type).join()}`);
  const said = `${found.status}:${found.reason}`;
  equal(reason === undefined ? found.status : said, expected, `${line}: ${type} is ${said} (${found.message})`);
  equal(status, found.status);
}

function latest(item: StatusItem, { conditions = [] }: Part): void {
  const generation = generationIn(item);
  for (const { type, observedGeneration } of conditions) {
    equal(observedGeneration, generation, `${item.kind} ${item.metadata.name}: generation of ${type}`);
  }
}

/** The latest of all its conditions: where there is no API server, they are where a generation shows. */
function generationIn({ status }: StatusItem): number {
  const { conditions, listeners = [], parents = [], ancestors = [] } = status as StatusShape;
  const all = [...listeners, ...parents, ...ancestors].flatMap((part) => part.conditions ?? []);
  return Math.max(...[...(conditions ?? []), ...all].map(({ observedGeneration = 0 }) => observedGeneration));
}

export function generationOf(report: Report, kind: string, name: string): number {
  return generationIn(itemOf(report, kind, name));
}

export function parentsOf(report: Report, kind: string, name: string): Ref[] {
  return ((itemOf(report, kind, name).status as StatusShape).parents ?? []).map(({ parentRef }) => parentRef);
}

export function listenerNames(report: Report, kind: string, name: string): string[] {
  return ((itemOf(report, kind, name).status as StatusShape).listeners ?? []).map((listener) => listener.name);
}

/** Of all listeners of a Gateway together. */
export function attachedRoutes(report: Report, gateway: string): number {
  const { listeners = [] } = itemOf(report, 'Gateway', gateway).status as StatusShape;
  ok(listeners.length > 0, `Gateway ${gateway} has no listeners in its status`);
  return listeners.reduce((sum, part) => sum + (part.attachedRoutes ?? 0), 0);
}

/** `[namespace, name]`. */
function namespaced(text: string): [string, string] {
  const [first, second] = text.split('/');
  return second === undefined ? [INFRA, first!] : [first!, second];
}

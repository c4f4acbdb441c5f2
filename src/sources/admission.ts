import {
  type AnyResource,
  apiVersionOf,
  groupOf,
  KINDS,
  type Kind,
  keyOf,
  NAMESPACE_NAME_LABEL,
  objectKey,
} from '../api/index.ts';
import { recognise } from './conversion.ts';
import { fieldName } from './diagnostic.ts';
import {
  check,
  DEFAULT_NAMESPACE,
  GUARD_STAND_IN,
  isObject,
  type JsonObject,
  nearest,
  type Problem,
  schemaOf,
} from './schema/index.ts';
import { tutorialPolicy } from './tutorial-policy.ts';

/** What has nothing of a manifest: a mapping without its two fields, or something that is no mapping or no text of one. */
export type Unmarked = 'mapping' | 'other';

/** What became of one object of a document. */
export type Admission =
  | {
      verdict: 'accepted';
      key: string;
      resource: AnyResource;
      problems: Problem[];
      /** It names no namespace and was given the default one. */
      homeless?: true;
    }
  /**
   * `key` is there when the object could be told: its last good form stays in use. `guard`: where there never was one,
   * this stands in its place, and denies what the object was to guard. A guard without a key is of a kind that there is
   * not, or stands beside a route that asks as often who may pass. Unmarked: it has neither apiVersion nor kind, so nothing
   * says that it was meant for us.
   */
  | { verdict: 'refused'; key?: string; problems: Problem[]; guard?: AnyResource; asks?: number; unmarked?: Unmarked }
  /** A kind that is not ours, named `Kind.group`. */
  | { verdict: 'foreign'; kind: string };

/** Judges one object as an API server would, and fills in its defaults. */
export function admit(value: unknown): Admission {
  if (!isObject(value)) {
    return {
      ...refused(undefined, error([], 'must be an object with apiVersion, kind and metadata')),
      unmarked: 'other',
    };
  }
  const { apiVersion, kind } = value;
  if (typeof apiVersion !== 'string' || apiVersion === '') {
    const known = typeof kind === 'string' && Object.hasOwn(KINDS, kind) ? (kind as Kind) : undefined;
    const form = known === undefined ? 'gateway.networking.k8s.io/v1' : apiVersionOf(known);
    const problem = error(['apiVersion'], `is required, such as ${form}`);
    return apiVersion === undefined && kind === undefined
      ? { ...refused(undefined, problem), unmarked: 'mapping' }
      : known === undefined
        ? refused(undefined, problem)
        : refusedAs(known, value, problem);
  }
  if (typeof kind !== 'string' || kind === '')
    return refused(undefined, error(['kind'], 'is required, such as HTTPRoute'));
  const tutorial = tutorialPolicy(value);
  if (tutorial !== undefined) return admitAs('RateLimitPolicy', tutorial.value, tutorial.warnings);
  const recognition = recognise(apiVersion, kind);
  switch (recognition.found) {
    case 'foreign': {
      const { meant, likely } = recognition;
      if (meant === undefined) return { verdict: 'foreign', kind: foreignName(apiVersion, kind) };
      const whose = groupOf(apiVersion).endsWith('.daemun.dev') ? 'this gateway' : 'Kubernetes';
      const message = `${foreignName(apiVersion, kind)} is no kind that ${whose} has; did you mean ${meant}?`;
      const slip = error(['kind'], message);
      if (likely === undefined) return refusedStranger(kind, value, slip);
      return isGuard(likely, value) ? refusedAs(likely, value, slip) : refused(undefined, slip);
    }
    case 'unreadable':
      return refusedAs(recognition.kind, value, error(['apiVersion'], recognition.error));
    case 'old': {
      const warning: Problem = { path: ['apiVersion'], severity: 'warning', message: recognition.warning };
      return admitAs(recognition.kind, value, [warning]);
    }
    case 'current':
      return admitAs(recognition.kind, value, []);
  }
}

function admitAs(kind: Kind, value: JsonObject, before: Problem[]): Admission {
  const prepared = kind === 'Secret' ? withStringData(value) : value;
  const { value: checked, problems: found } = check(schemaOf(kind, String(value.apiVersion)), prepared);
  const guards = isGuard(kind, value);
  const problems = [...before, ...found].map((problem) => {
    if (guards) return withoutGuess(problem, 'policy');
    if (isOfGuard(problem, value)) return withoutGuess(problem, 'filter');
    return isOfGate(kind, problem) ? withoutGuess(problem, 'part') : problem;
  });
  if (problems.some(({ severity }) => severity === 'error')) return refusedAs(kind, value, ...problems);
  // The schema of the kind has just vouched for this shape.
  const resource = checked as AnyResource;
  resource.apiVersion = apiVersionOf(kind);
  resource.kind = kind;
  if (resource.kind === 'Namespace') {
    resource.metadata.labels = { ...resource.metadata.labels, [NAMESPACE_NAME_LABEL]: resource.metadata.name };
  }
  const admission: Admission = { verdict: 'accepted', key: objectKey(resource), resource, problems };
  if (KINDS[kind].namespaced && namesNoNamespace(value)) admission.homeless = true;
  return admission;
}

/** What cannot be read as the kind that it is, or that it was surely meant to be. */
function refusedAs(kind: Kind, value: JsonObject, ...problems: Problem[]): Admission {
  const refusal: Admission = { verdict: 'refused', key: likelyKey(kind, value), problems };
  const named = { ...value, apiVersion: apiVersionOf(kind), kind };
  if (!closes(kind, value)) return { ...refusal, ...guardOfRoute(kind, value, problems) };
  const guard = standInFor(kind, named, problems);
  return guard === undefined ? refusal : { ...refusal, guard };
}

/** What denies in the place of a policy that cannot be read; undefined: it guards nothing, or nobody knows what. */
export function guardFor(kind: Kind, value: JsonObject, problem: Problem): AnyResource | undefined {
  if (!closes(kind, value)) return undefined;
  return standInFor(kind, { ...value, apiVersion: apiVersionOf(kind), kind }, [problem]);
}

/** Without a BackendTLSPolicy plain text is spoken: of one that cannot be read nobody knows with whom it was to be what. */
export function closes(kind: Kind, value: JsonObject): boolean {
  return isGuard(kind, value) || kind === 'BackendTLSPolicy';
}

/**
 * A route that cannot be read, and has a service asked who may pass: what was there before may have been guarded by a policy that is
 * gone now. Where it asks nobody, or somebody less often, this denies it.
 */
function guardOfRoute(
  kind: Kind,
  value: JsonObject,
  problems: readonly Problem[],
): { guard?: AnyResource; asks?: number } {
  if (kind !== 'HTTPRoute' && kind !== 'GRPCRoute') return {};
  const asks = asksIn(value.spec);
  if (asks === 0) return {};
  const metadata = isObject(value.metadata) ? value.metadata : {};
  const targetRefs = [{ group: KINDS[kind].group, kind, name: metadata.name }];
  const guard = overriding('ExternalAuth', { ...value, spec: { targetRefs } }, problems);
  return guard === undefined ? {} : { guard, asks };
}

/** Filters that have a service asked who may pass, wherever they stand. */
export function asksIn(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + asksIn(one), 0);
  if (!isObject(value)) return 0;
  return (value.type === 'ExternalAuth' ? 1 : 0) + asksIn(Object.values(value));
}

/** What stands for a policy of a kind that there is not. */
const STRANGER: Kind = 'AccessPolicy';
/** Characters of that kind that are told in its name. */
const MAX_KIND = 63;

/**
 * A policy in our groups of a kind that there is not may have been meant to guard: it denies what it names, whatever else
 * acts there. So it comes before all others: it has overrides, is the oldest, and has a name that no object can have.
 */
function refusedStranger(kind: string, value: JsonObject, problem: Problem): Admission {
  const refusal = refused(undefined, problem);
  const guard = overriding(kind, value, [problem]);
  return guard === undefined ? refusal : { ...refusal, guard };
}

function overriding(what: string, value: JsonObject, problems: readonly Problem[]): AnyResource | undefined {
  const guard = standInFor(STRANGER, { ...value, apiVersion: apiVersionOf(STRANGER), kind: STRANGER }, problems);
  if (guard === undefined || !('spec' in guard)) return undefined;
  const name = `(${what.replace(/[^A-Za-z0-9]/g, '').slice(0, MAX_KIND)}) ${guard.metadata.name}`;
  const metadata = { ...guard.metadata, name, creationTimestamp: new Date(0).toISOString() };
  return { ...guard, metadata, spec: { ...guard.spec, overrides: {} } } as AnyResource;
}

function isGuard(kind: Kind, value: JsonObject): boolean {
  return KINDS[kind].guards === true || hasGuard(kind, value);
}

/**
 * A field that nobody knows is left out, as API servers do; but `audience` for `audiences` left out lets in whoever has a
 * token for anybody. So a guard with one is refused.
 */
function withoutGuess(problem: Problem, what: 'policy' | 'filter' | 'part'): Problem {
  const { path, message, unread } = problem;
  if (!unread || path[0] !== 'spec') return problem;
  const lost = what === 'policy' ? 'nothing of it is followed' : 'nothing of the object is taken over';
  const correct = `this ${what} guards, and ${lost} until the field is corrected or removed`;
  return { path, severity: 'error', message: message.replace('it is left out', correct) };
}

/** It stands in a filter that asks whether a request may pass: what is left out there may be what was asked. */
function isOfGuard({ path }: Problem, value: JsonObject): boolean {
  let at: unknown = value;
  for (const step of path) {
    if (isObject(at) && at.type === 'ExternalAuth') return true;
    at = (at as Record<string | number, unknown> | undefined)?.[step];
  }
  return false;
}

/**
 * It stands where a field that is left out lets more in: a selector without its conditions selects all namespaces, a
 * grant without its name is one for all objects, and without `validation` no client is asked for a certificate.
 */
function isOfGate(kind: Kind, { path }: Problem): boolean {
  if (kind === 'ReferenceGrant') return path[1] === 'to';
  if (kind !== 'Gateway' && kind !== 'ListenerSet') return false;
  return (
    path.some((step, i) => step === 'selector' && path[i - 1] === 'namespaces') || isBelow(path, 'tls', 'frontend')
  );
}

function isBelow(path: Problem['path'], ...steps: string[]): boolean {
  return steps.every((step, i) => path[i + 1] === step);
}

/**
 * A policy of which as much is known as what it guards; undefined: not even that can be read. Targets are read each by
 * itself: one that is wrong, one too many, or the same twice leaves the others no less guarded.
 */
function standInFor(kind: Kind, value: JsonObject, problems: readonly Problem[]): AnyResource | undefined {
  const { path, message } = problems.find(({ severity }) => severity === 'error')!;
  const spec = isObject(value.spec) ? value.spec : {};
  const refused = `cannot be followed: ${fieldName(path)} ${message}`;
  const targets = new Map<string, unknown>();
  let standIn: object | undefined;
  for (const written of [spec.targetRefs ?? spec.targetRef ?? []].flat()) {
    for (const target of [written, ...meantTarget(written)]) {
      const { value: checked, problems: found } = check(GUARD_STAND_IN, {
        ...value,
        spec: { targetRefs: [target], refused },
      });
      if (found.some(({ severity }) => severity === 'error')) continue;
      standIn = checked as object;
      targets.set(JSON.stringify(target), target);
      break;
    }
  }
  if (standIn === undefined) return undefined;
  const guarded = { targetRefs: [...targets.values()], refused };
  return { ...standIn, spec: guarded, apiVersion: apiVersionOf(kind), kind } as unknown as AnyResource;
}

/** It stands for a policy that cannot be read. No user writes that field: no kind has it. */
export function isStandIn(object: AnyResource): boolean {
  return 'spec' in object && typeof (object.spec as { refused?: unknown }).refused === 'string';
}

/**
 * What a target without its group, with a version in it, or with a kind in other letters was surely meant to be: whole,
 * since a section of it may be what is wrong.
 */
function meantTarget(written: unknown): object[] {
  if (!isObject(written) || typeof written.kind !== 'string') return [];
  const lower = written.kind.toLowerCase();
  const kind = (Object.keys(KINDS) as Kind[]).find((one) => one.toLowerCase() === lower);
  if (kind === undefined) return [];
  const { name, sectionName } = written;
  const whole = { group: KINDS[kind].group, kind, name };
  return sectionName === undefined ? [whole] : [{ ...whole, sectionName }, whole];
}

/** It has what guards in a kind that does not, misspelt or not. */
function hasGuard(kind: Kind, { spec }: JsonObject): boolean {
  if (!isObject(spec)) return false;
  if (kind === 'ClientTrafficPolicy') return Object.keys(spec).some((name) => nearest(name, ['clientCertificates']));
  // To believe whoever answers guards nothing.
  const { tls } = spec;
  return (
    kind === 'BackendTrafficPolicy' &&
    isObject(tls) &&
    Object.keys(tls).some((name) => name !== 'verification' && name !== 'serverName')
  );
}

function namesNoNamespace({ metadata }: JsonObject): boolean {
  return isObject(metadata) && (metadata.namespace ?? '') === '';
}

/** Secrets may be written in plain text under stringData, which wins over data and is never stored. */
function withStringData(secret: JsonObject): JsonObject {
  const { stringData, ...rest } = secret;
  if (stringData === undefined || stringData === null) return rest;
  // Left in place, it is reported as the wrong type that it is.
  if (!isObject(stringData)) return { ...rest, data: stringData };
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    typeof value === 'string' ? Buffer.from(value).toString('base64') : value,
  ]);
  return { ...rest, data: { ...(isObject(rest.data) ? rest.data : {}), ...Object.fromEntries(encoded) } };
}

/** The key of an object that may be broken, if its name can be read. */
export function likelyKey(kind: Kind, value: JsonObject): string | undefined {
  const metadata = value.metadata;
  if (!isObject(metadata) || typeof metadata.name !== 'string' || metadata.name === '') return undefined;
  const namespace = typeof metadata.namespace === 'string' ? metadata.namespace : DEFAULT_NAMESPACE;
  return keyOf(kind, KINDS[kind].namespaced ? namespace : '', metadata.name);
}

function foreignName(apiVersion: string, kind: string): string {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return group === '' ? kind : `${kind}.${group}`;
}

function refused(key: string | undefined, problem: Problem): Extract<Admission, { verdict: 'refused' }> {
  return { verdict: 'refused', key, problems: [problem] };
}

function error(path: Problem['path'], message: string): Problem {
  return { path, severity: 'error', message };
}

import { type DaemunParametersSpec, OWN_GROUP } from '../../api/index.ts';
import { isObject } from '../../value/json-object.ts';
import { TAKES_OVER, takesOver } from '../../value/service-patch.ts';
import { find, type Lookup } from '../lookup.ts';
import { absent, type Problem, problem } from '../verdict/problem.ts';

export interface ParametersReference {
  group: string;
  kind: string;
  name: string;
  /** That of whoever refers, where a reference names none; '' where there is none. */
  namespace: string;
}

/** Of an object that is no kind of parameters, what is said where the rest of the message differs. */
export function isParameters({ group, kind }: Pick<ParametersReference, 'group' | 'kind'>): boolean {
  return group === OWN_GROUP && kind === 'DaemunParameters';
}

/** What a reference leads to. What is made for Gateways stays as it was while it leads nowhere. */
export function readParameters(
  look: Lookup,
  reference: ParametersReference,
  at: { field: string; reason: string },
): DaemunParametersSpec | Problem {
  const { namespace, name } = reference;
  const { field, reason } = at;
  if (namespace === '') {
    const message = `names no namespace: add the one that DaemunParameters ${name} is in`;
    return { ...problem(reason, `${field}.namespace`, message), keeps: true };
  }
  const found = find(look, 'DaemunParameters', { namespace, name });
  const refused = found && refusal(found.spec);
  if (refused !== undefined) {
    const message = `DaemunParameters ${namespace}/${name} ${refused}: what was made stays as it is`;
    return { ...problem(reason, field, message), keeps: true };
  }
  if (found !== undefined) return found.spec;
  return { ...absent(reason, field, `DaemunParameters/${namespace}/${name}`), keeps: true };
}

function refusal({ refused, patches = [] }: DaemunParametersSpec): string | undefined {
  const at = patches.findIndex(takesOver);
  return refused ?? (at < 0 ? undefined : `spec.patches[${at}].patch.spec.externalIPs ${TAKES_OVER}`);
}

export function isProblem(read: DaemunParametersSpec | Problem | undefined): read is Problem {
  return read !== undefined && 'reason' in read;
}

/**
 * What a class says and what a Gateway says, where the Gateway's wins field by field; lists are taken whole. How many
 * pods there are is said in three ways that exclude each other, so one of the Gateway's ends the class's.
 */
export function mergedParameters(
  base: DaemunParametersSpec | undefined,
  over: DaemunParametersSpec | undefined,
): DaemunParametersSpec {
  if (base === undefined || over === undefined) return base ?? over ?? {};
  const { replicas, autoscaling, ...rest } = base;
  const onNodes = over.workload === 'DaemonSet';
  const kept: DaemunParametersSpec = rest;
  if (replicas !== undefined && over.autoscaling === undefined && !onNodes) kept.replicas = replicas;
  if (autoscaling !== undefined && over.replicas === undefined && !onNodes) kept.autoscaling = autoscaling;
  const patches = [...(base.patches ?? []), ...(over.patches ?? [])];
  const merged = mergedObjects(kept, over) as DaemunParametersSpec;
  return patches.length === 0 ? merged : { ...merged, patches };
}

/** These are one thing with one value; two that are joined field by field would be neither. */
const WHOLE: ReadonlySet<string> = new Set(['affinity', 'disruptionBudget']);

function mergedObjects(base: object, over: object): object {
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const before = result[name];
    result[name] = isObject(before) && isObject(value) && !WHOLE.has(name) ? mergedObjects(before, value) : value;
  }
  return result;
}

/** Which nodes have data planes of a Gateway on their network. */
export interface NodeNetwork {
  labels: Readonly<Record<string, string>>;
  /** Something else than labels decides on which nodes: whether two Gateways meet there is not known. */
  elsewise?: true;
}

/** Of the parameters that data planes are made by; undefined: they have networks of their own. */
export function nodeNetwork({ pod = {}, patches = [] }: DaemunParametersSpec): NodeNetwork | undefined {
  if (pod.hostNetwork !== true) return undefined;
  const labels = pod.nodeSelector ?? {};
  const elsewise = pod.affinity !== undefined || patches.some(({ kind }) => PLACING.has(kind));
  return elsewise ? { labels, elsewise } : { labels };
}

/** Kinds whose patches may say on which nodes pods are. */
const PLACING: ReadonlySet<string> = new Set(['Pod', 'Deployment', 'DaemonSet']);

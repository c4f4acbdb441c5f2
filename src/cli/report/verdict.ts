/** What the conditions of a report come to. */
import type { Condition } from '../../api/index.ts';
import type { Report, StatusItem } from '../../control/index.ts';

/** Conditions of one part of an object: itself, a listener, or what it is to a parent. */
export interface ConditionGroup {
  /** '' for the object itself, else `listener http` or `parent infra/edge`. */
  part: string;
  conditions: Condition[];
}

interface StatusShape {
  conditions?: Condition[];
  listeners?: Array<{ name: string; conditions?: Condition[] }>;
  parents?: Array<{ parentRef: ParentRef; conditions?: Condition[] }>;
  ancestors?: Array<{ ancestorRef: ParentRef; conditions?: Condition[] }>;
}

interface ParentRef {
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export function objectName({ kind, metadata }: StatusItem): string {
  return metadata.namespace ? `${kind} ${metadata.namespace}/${metadata.name}` : `${kind} ${metadata.name}`;
}

export function conditionGroups({ metadata, status }: StatusItem): ConditionGroup[] {
  const { conditions, listeners, parents, ancestors } = status as StatusShape;
  const named = (ref: ParentRef) => refText(ref, metadata.namespace);
  return [
    ...(conditions ? [{ part: '', conditions }] : []),
    ...(listeners ?? []).map((l) => ({ part: `listener ${l.name}`, conditions: l.conditions ?? [] })),
    ...(parents ?? []).map((p) => ({ part: `parent ${named(p.parentRef)}`, conditions: p.conditions ?? [] })),
    ...(ancestors ?? []).map((a) => ({ part: `ancestor ${named(a.ancestorRef)}`, conditions: a.conditions ?? [] })),
  ];
}

function refText(ref: ParentRef, namespace: string | undefined): string {
  const kind = ref.kind && ref.kind !== 'Gateway' ? `${ref.kind} ` : '';
  const section = ref.sectionName ? `/${ref.sectionName}` : '';
  const port = ref.port ? `:${ref.port}` : '';
  return `${kind}${ref.namespace ?? namespace ?? ''}/${ref.name}${section}${port}`;
}

/** Conditions that tell of a fault when they are True. */
const NEGATIVE = new Set([
  'Conflicted',
  'PartiallyInvalid',
  'OverlappingTLSConfig',
  'InsecureFrontendValidationMode',
  'daemun.dev/Shadowed',
]);
/** Negative conditions under which everything is still served as written. */
const HARMLESS = new Set(['OverlappingTLSConfig', 'InsecureFrontendValidationMode', 'daemun.dev/Shadowed']);

/** note: worth reading, but not a refusal. open: nobody can know yet. */
export type Verdict = 'good' | 'bad' | 'note' | 'open';

/** How each is painted. */
export const TONES = { good: 'good', bad: 'error', note: 'warning', open: 'dim' } as const;

/** Without a data plane (`check`) nothing is Programmed, and that is no fault. */
export function verdictOf({ type, status }: Condition, { served }: { served: boolean }): Verdict {
  if (NEGATIVE.has(type)) return status !== 'True' ? 'good' : HARMLESS.has(type) ? 'note' : 'bad';
  if (status === 'True') return 'good';
  // The class is accepted all the same, and what is known of it works.
  if (type === 'SupportedVersion') return 'note';
  return (type === 'Programmed' || type === 'Ready') && !served ? 'open' : 'bad';
}

/** Nobody has said anything of it yet. */
export function isUntold(item: StatusItem): boolean {
  return conditionGroups(item).every(({ conditions }) => conditions.length === 0);
}

export function refused(report: Report, view: { served: boolean }): boolean {
  return (
    report.diagnostics.some(({ severity }) => severity === 'error') ||
    report.items.some((item) =>
      conditionGroups(item).some(({ conditions }) => conditions.some((c) => verdictOf(c, view) === 'bad')),
    )
  );
}

/** Listeners that no data plane is told to serve, each with the reason. */
export function unservedListeners(report: Report): string[] {
  return report.items.flatMap((item) => {
    const { namespace, name } = item.metadata;
    return conditionGroups(item)
      .filter(({ part }) => part.startsWith('listener '))
      .flatMap(({ part, conditions }) => {
        const programmed = conditions.find(({ type, status }) => type === 'Programmed' && status === 'False');
        const why = programmed?.message.replace(/^not served: /, '');
        return programmed ? [`${part} of ${item.kind} ${namespace}/${name} is not served: ${why}`] : [];
      });
  });
}

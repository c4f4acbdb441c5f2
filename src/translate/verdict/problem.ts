import { absence, fullName, type NamedObject } from '../../value/absence.ts';

/** A user's mistake: what becomes a condition's reason and message, and a diagnostic. */
export interface Problem {
  /** A reason as conditions spell it. */
  reason: string;
  /** Path of the field in the object, such as `spec.rules[0].backendRefs[1]`. */
  field: string;
  /** What is wrong, and the way out. */
  message: string;
  /** It comes right by itself: nobody has to mend it. */
  passing?: boolean;
  /** The object is not accepted, and what was served of it goes on. */
  keeps?: boolean;
  /** Key of the object that is not there, where that is what is wrong. */
  missing?: string;
}

/** What `check` and the log print about an object, beside its conditions. */
export interface Diagnostic {
  severity: 'error' | 'warning';
  /** Key of the object: `Kind/namespace/name`. */
  object: string;
  field: string;
  message: string;
  /** As in Problem: who knows all objects may tell more of it. */
  missing?: string;
}

export function problem(reason: string, field: string, message: string): Problem {
  return { reason, field, message };
}

/** A reference to an object, `Kind/namespace/name`, that is not there. */
export function absent(reason: string, field: string, key: string): Problem {
  return { reason, field, message: absence(objectOf(key)), missing: key };
}

export function nameOfKey(key: string): string {
  return fullName(objectOf(key));
}

function objectOf(key: string): NamedObject {
  const [kind = '', namespace = '', name = ''] = key.split('/');
  return { kind, namespace, name };
}

export function diagnosis(
  severity: Diagnostic['severity'],
  object: string,
  { field, message, missing }: Omit<Problem, 'reason'>,
): Diagnostic {
  return { severity, object, field, message, ...(missing === undefined ? {} : { missing }) };
}

/** Several problems in one message, each with its field, and once: one is found for each listener that has it. */
export function describe(problems: ReadonlyArray<Problem>): string {
  return Array.from(new Set(problems.map(({ field, message }) => `${field}: ${message}`))).join('; ');
}

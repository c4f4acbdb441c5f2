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
}

/** What `check` and the log print about an object, beside its conditions. */
export interface Diagnostic {
  severity: 'error' | 'warning';
  /** Key of the object: `Kind/namespace/name`. */
  object: string;
  field: string;
  message: string;
}

export function problem(reason: string, field: string, message: string): Problem {
  return { reason, field, message };
}

/** Several problems in one message, each with its field. */
export function describe(problems: ReadonlyArray<Problem>): string {
  return problems.map(({ field, message }) => `${field}: ${message}`).join('; ');
}

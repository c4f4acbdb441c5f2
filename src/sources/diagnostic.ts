/** What is wrong with one place of the input, as a user reads it. */
export interface Diagnostic {
  /** error: the object (or document, or file) is not used in this form. warning: it is used, not entirely as written. */
  severity: 'error' | 'warning' | 'info';
  /** As named on the command line, or found below a folder named there; `stdin` for standard input. */
  file: string;
  /** From 1; 0 where the diagnostic is about the file as a whole. */
  line: number;
  /** `Kind/namespace/name`, or '' where the object is not known. */
  object: string;
  /** `spec.rules[0].matches[1].path.type`; '' for the object as a whole. */
  field: string;
  message: string;
  /** Of a field or kind that nobody here reads: where all must be known, this is an error. */
  unread?: true;
}

/** A key under which equal diagnostics meet. */
export function diagnosticKey(diagnostic: Diagnostic): string {
  const { file, line, object, field, message } = diagnostic;
  return [file, line, object, field, message].join('\n');
}

export type FieldPath = ReadonlyArray<string | number>;

/** `['spec', 'rules', 0, 'data', 'a.b']` as `spec.rules[0].data["a.b"]`. */
export function fieldName(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

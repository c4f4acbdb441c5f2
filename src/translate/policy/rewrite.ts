import type { PathRewrite } from '../../api/index.ts';
import { POLICY_REASON } from '../../api/index.ts';
import { headerFault, type PathRewriteSettings } from '../../config/index.ts';
import type { ExpressionFault } from '../../value/regular-expression.ts';
import { Picker } from '../../value/substitution.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { requestPolicy } from './request-policy.ts';

export const rewrite = requestPolicy({
  kind: 'RewritePolicy',
  types: ['Rewrite'],
  read({ paths = [] }, { field, invalid }) {
    return { Rewrite: { paths: paths.map((path, at) => readPath(path, `${field}.paths[${at}]`, invalid)) } };
  },
});

function readPath({ pattern, substitution, headers = [] }: PathRewrite, field: string, invalid: Problem[]) {
  const read: PathRewriteSettings = { pattern, substitution, headers };
  const refuse = (where: string, message: string): void => {
    invalid.push(problem(POLICY_REASON.Invalid, `${field}.${where}`, message));
  };
  const attempt = <T>(where: string, make: () => T): T | undefined => {
    try {
      return make();
    } catch (fault) {
      const { message, isSyntax } = fault as ExpressionFault;
      refuse(where, isSyntax ? `${pattern} is no RE2 regular expression: ${message}` : message);
      return undefined;
    }
  };
  const picker = attempt('pattern', () => new Picker(pattern));
  if (picker === undefined) return read;
  attempt('substitution', () => picker.template(substitution));
  for (const [at, { name, value }] of headers.entries()) {
    const fault = headerFault(name, value);
    if (fault !== undefined) refuse(`headers[${at}]`, fault);
    else attempt(`headers[${at}].value`, () => picker.template(value));
  }
  return read;
}

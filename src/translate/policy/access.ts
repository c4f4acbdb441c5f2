import { type AccessEntry, type AccessTime, POLICY_REASON } from '../../api/index.ts';
import type { AccessRule, ClientRule, TimeWindow } from '../../config/index.ts';
import { compileCel } from '../../value/cel.ts';
import { MAX_CEL_STEPS } from '../../value/cel-cost.ts';
import { type ExpressionWork, readHeaders, readPath } from '../http-match.ts';
import type { TranslateOptions } from '../inputs.ts';
import { type Problem, problem } from '../verdict/problem.ts';
import { type Parts, requestPolicy } from './request-policy.ts';
import type { StreamPart } from './stream-part.ts';

const FORBIDDEN = 403;
const UNKNOWN = 'are not known here: start the gateway with --country-database FILE';
const PLAIN = 'text/plain; charset=utf-8';

export const access = requestPolicy({
  kind: 'AccessPolicy',
  types: ['Access', 'CrossSite', 'BodySize'],
  streams: 'StreamAccess',
  joins: true,
  read({ deny = [], allow = [], csrf, maxBodyBytes, refusal = {}, shadow = false }, { field, invalid, look }) {
    const read = (entries: AccessEntry[], name: string) =>
      entries.map((entry, at) =>
        ruleOf(entry, { at, field: `${field}.${name}[${at}]`, invalid, cel, work, countries }),
      );
    const { countries } = look.options;
    const cel = { steps: 0 };
    const work = { steps: 0 };
    const { statusCode = FORBIDDEN, contentType = PLAIN, body } = refusal;
    const refused = { statusCode, shadow, ...(body === undefined ? {} : { body: { contentType, text: body } }) };
    const parts: Parts = {};
    const rules = { deny: read(deny, 'deny'), allow: read(allow, 'allow') };
    if (deny.length + allow.length > 0) parts.Access = { ...rules, ...refused };
    const ofRequests = Object.entries({ csrf, maxBodyBytes }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${field}.${name}`],
    );
    parts.StreamAccess = streamPart(rules, { shadow, field, ofRequests });
    if (csrf !== undefined) {
      parts.CrossSite = { origins: csrf.allowedOrigins ?? [], unknown: csrf.withoutOrigin, ...refused };
    }
    if (maxBodyBytes !== undefined) parts.BodySize = { maxBytes: maxBodyBytes };
    return parts;
  },
});

type Rules = Record<'deny' | 'allow', AccessRule[]>;

/** What of the rules is about clients alone, and which are not. */
function streamPart(
  rules: Rules,
  { shadow, field, ofRequests }: { shadow: boolean; field: string; ofRequests: string[] },
): StreamPart<'StreamAccess'> {
  const unknown: string[] = [];
  const clients = (list: keyof Rules): ClientRule[] =>
    rules[list].flatMap((rule, at) => {
      const asked = askedOfRequest(rule);
      unknown.push(...asked.map((name) => `${field}.${list}[${at}].${name}`));
      const { name, addresses, countries, times } = rule;
      return asked.length > 0 ? [] : [{ name, addresses, ...(countries && { countries }), times }];
    });
  return { settings: { deny: clients('deny'), allow: clients('allow'), shadow }, unknown, ofRequests };
}

function askedOfRequest({ methods, paths, headers, claims, cel }: AccessRule): string[] {
  const lists = Object.entries({ methods, paths, headers, claims: claims ?? [] });
  return [...lists.flatMap(([name, list]) => (list.length > 0 ? [name] : [])), ...(cel === undefined ? [] : ['cel'])];
}

interface Reading {
  at: number;
  field: string;
  invalid: Problem[];
  /** What the expressions of the policy that were read so far may cost. */
  cel: { steps: number };
  /** The same of its regular expressions. */
  work: ExpressionWork;
  countries: TranslateOptions['countries'];
}

function ruleOf(entry: AccessEntry, at: Reading): AccessRule {
  const { name = String(at.at), addresses = [], methods = [], paths = [], headers = [], times = [], cel } = entry;
  const rule: AccessRule = {
    name,
    addresses,
    methods,
    paths: paths.map((path, index) => readPath(path, `${at.field}.paths[${index}]`, at)),
    headers: readHeaders(headers, `${at.field}.headers`, at),
    times: times.map((time, index) => windowOf(time, `${at.field}.times[${index}]`, at.invalid)),
  };
  if (entry.countries !== undefined) {
    rule.countries = entry.countries;
    if (at.countries === 'unknown') at.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.countries`, UNKNOWN));
  }
  if (entry.claims !== undefined)
    rule.claims = entry.claims.map(({ name: claim, values }) => ({ name: claim, values }));
  if (cel === undefined) return rule;
  const fault = celFault(cel, at.cel);
  if (fault !== undefined) at.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.cel`, fault));
  return { ...rule, cel };
}

function celFault(expression: string, all: Reading['cel']): string | undefined {
  try {
    all.steps += compileCel(expression).steps;
    return all.steps <= MAX_CEL_STEPS ? undefined : 'may take too long together with the expressions before it';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

function windowOf(time: AccessTime, field: string, invalid: Problem[]): TimeWindow {
  const { days = [], from = '00:00', to = '24:00', timeZone = 'UTC' } = time;
  if (!isTimeZone(timeZone)) {
    const message = `${timeZone} is no time zone of the IANA's database, such as Europe/Berlin`;
    invalid.push(problem(POLICY_REASON.Invalid, `${field}.timeZone`, message));
  }
  // Nothing at all, or all day: a guard that means the one and is read as the other would stand open.
  if (minuteOf(from) === minuteOf(to)) {
    const message = `ends when it begins, at ${from}: leave both out for the whole day`;
    invalid.push(problem(POLICY_REASON.Invalid, `${field}.to`, message));
  }
  return { days: days.map((day) => DAYS.indexOf(day)), from: minuteOf(from), to: minuteOf(to), timeZone };
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

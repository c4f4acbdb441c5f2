import type { LabelRequirement, LabelSelector } from '../../api/index.ts';

/** What makes a selector none. */
export interface SelectorFault {
  /** Below the selector, such as `matchExpressions[0].values`; '' for the selector itself. */
  field: string;
  message: string;
}

const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]';
const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const KEY = new RegExp(`^(?:(?=.{1,253}/)${LABEL}(?:\\.${LABEL})*/)?${NAME}$`);
const VALUE = new RegExp(`^(?:${NAME})?$`);

/**
 * Why a selector says nothing that could be meant. An API server takes these, and guessing what they were to select
 * would let strangers in: they select nothing.
 */
export function selectorFault(selector: LabelSelector | undefined): SelectorFault | undefined {
  if (selector === undefined)
    return { field: '', message: 'is required where from is Selector (an empty one selects all)' };
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!KEY.test(key)) return { field: 'matchLabels', message: noKey(key) };
    if (!VALUE.test(value)) return { field: `matchLabels.${key}`, message: noValue(value) };
  }
  for (const [at, requirement] of (selector.matchExpressions ?? []).entries()) {
    const fault = requirementFault(requirement);
    if (fault !== undefined) return { ...fault, field: `matchExpressions[${at}].${fault.field}` };
  }
  return undefined;
}

export function selectorField(selector: string, { field }: SelectorFault): string {
  return field === '' ? selector : `${selector}.${field}`;
}

function requirementFault({ key, operator, values = [] }: LabelRequirement): SelectorFault | undefined {
  if (!KEY.test(key)) return { field: 'key', message: noKey(key) };
  switch (operator) {
    case 'In':
    case 'NotIn': {
      if (values.length === 0) return { field: 'values', message: `must not be empty with operator ${operator}` };
      const bad = values.find((value) => !VALUE.test(value));
      return bad === undefined ? undefined : { field: 'values', message: noValue(bad) };
    }
    case 'Exists':
    case 'DoesNotExist':
      if (values.length === 0) return undefined;
      return { field: 'values', message: `must be empty with operator ${operator}; for values use In or NotIn` };
    default:
      // From a cluster anything may come: an API server does not look at operators of a custom resource.
      return {
        field: 'operator',
        message: `must be In, NotIn, Exists or DoesNotExist, not ${JSON.stringify(operator satisfies never)}`,
      };
  }
}

function noKey(key: string): string {
  return `${JSON.stringify(key)} is no label key: an optional DNS name and "/", then up to 63 letters, digits, "-", "_" and "."`;
}

function noValue(value: string): string {
  return `${JSON.stringify(value)} is no label value: up to 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends`;
}

/** An absent selector, and one that is none, selects nothing; an empty one everything. */
export function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  if (selector === undefined || selectorFault(selector) !== undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  return (selector.matchExpressions ?? []).every((requirement) => meets(requirement, labels));
}

/** Who may attach, as a listener or a Gateway says it. */
export interface NamespaceAdmission {
  from: 'All' | 'Selector' | 'Same' | 'None';
  selector?: LabelSelector | undefined;
}

/** Why a namespace is not let in, with the way out. `labels`: its own; `own`: the namespace of who says so. */
export function whyBarred(
  { from, selector }: NamespaceAdmission,
  { labels, own }: { labels: Readonly<Record<string, string>>; own: string },
): string {
  switch (from) {
    case 'Selector': {
      if (selectorFault(selector) !== undefined) return 'that selector is none and selects nothing: mend it';
      const lacking = unmet(selector ?? {}, labels);
      return `its labels must have ${lacking.slice(0, LACKING_TOLD).join(', ')}${lacking.length > LACKING_TOLD ? ' and more' : ''}`;
    }
    case 'Same':
      return `only namespace ${own} is let in; Selector or All lets others in`;
    case 'None':
      return 'Same, Selector or All lets some in';
    case 'All':
      return 'all are let in';
  }
}

/** Requirements that are told of one selector. */
const LACKING_TOLD = 4;

function unmet({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Readonly<Record<string, string>>) {
  const exact = Object.entries(matchLabels).filter(([key, value]) => labels[key] !== value);
  const others = matchExpressions.filter((requirement) => !meets(requirement, labels));
  return [...exact.map(([key, value]) => `${key}=${value}`), ...others.map(asked)];
}

function asked({ key, operator, values = [] }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return `${key}=${values.join('|')}`;
    case 'NotIn':
      return `another ${key} than ${values.join('|')}`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `no ${key}`;
  }
}

function meets(requirement: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  // What every object inherits, such as `constructor`, is no label of anybody.
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}

/** docs/reference/conditions.md, from the statuses in translate's golden files. */
import { parse } from 'yaml';
import { isProduct, textOf, treeFiles } from '../tree.ts';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** Where conditions stand, in the order of the page. */
export const PLACES = [
  'GatewayClass',
  'Gateway',
  'listener',
  'ListenerSet',
  'route, by parent',
  'BackendTLSPolicy, by ancestor',
  'BackendTrafficPolicy, by ancestor',
  'ClientTrafficPolicy, by ancestor',
  'RateLimitPolicy, by ancestor',
  'AccessPolicy, by ancestor',
  'AuthenticationPolicy, by ancestor',
  'FaultPolicy, by ancestor',
  'RewritePolicy, by ancestor',
  'ResponsePolicy, by ancestor',
];

/** The tables of reasons in src/api/condition.ts, by the place that they are for. */
const TABLES: Readonly<Record<string, string>> = {
  GATEWAY_CLASS_REASON: 'GatewayClass',
  GATEWAY_REASON: 'Gateway',
  LISTENER_REASON: 'listener',
  LISTENER_SET_REASON: 'ListenerSet',
  ROUTE_REASON: 'route, by parent',
};

/** Reasons that the translation names, by place. */
export function reasonsInCode(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>(Object.values(TABLES).map((place) => [place, new Set()]));
  for (const path of treeFiles().filter((one) => one.startsWith('src/translate/') && isProduct(one))) {
    for (const [, table, reason] of textOf(path).matchAll(/\b(\w+_REASON)\.(\w+)/g)) {
      found.get(TABLES[table!] ?? '')?.add(reason!);
    }
  }
  return new Map([...found].map(([place, reasons]) => [place, [...reasons].sort()]));
}

/** On every listener without a conflict: the golden files leave it out, and the page says it in words. */
const UNTOLD: ReadonlySet<string> = new Set(['NoConflicts']);

/** Reasons that no golden file shows, by place: each wants one. */
export function unshownReasons(): string[] {
  const seen = shownConditions();
  return [...reasonsInCode()].flatMap(([place, reasons]) => {
    const shown = new Set(Array.from(seen.get(place)!.values(), ({ reason }) => reason));
    return reasons.filter((reason) => !shown.has(reason) && !UNTOLD.has(reason)).map((reason) => `${place}: ${reason}`);
  });
}

function shownConditions(): Map<string, Map<string, Condition>> {
  const seen = new Map<string, Map<string, Condition>>(PLACES.map((place) => [place, new Map()]));
  for (const path of treeFiles().filter((one) => /^src\/translate\/golden\/.*\.yaml$/.test(one))) {
    visit((parse(textOf(path)) as { status: unknown }).status, 'Gateway', (place, condition) => {
      const rows = seen.get(place)!;
      const key = [condition.type, condition.status === 'True' ? 0 : 1, condition.reason].join(' ');
      if (!rows.has(key)) rows.set(key, condition);
    });
  }
  return seen;
}

export function conditionsPage(): string {
  const sections = [...shownConditions()].map(
    ([place, rows]) => `## ${place[0]!.toUpperCase()}${place.slice(1)}\n\n${table(rows)}\n`,
  );
  return `# Conditions

The conditions that Daemun sets, with every reason and an example of its message. They come from the golden files of
\`src/translate/golden/\`, which are checked with the code; \`npm run docs\` writes this page, and a test keeps it true.

Types and reasons are the Gateway API's own, but for those with a prefix (\`daemun.dev/Shadowed\`) and \`Programmed\` on
routes, which has no place in the standard: it is true once every data plane has acknowledged the route's rules.
\`Purged\`, of ResponsePolicies that are asked to forget what they keep, is ours, too ([purges](../decisions/purges.md)).
\`daemun check\` serves nothing: \`Programmed\` is Unknown there, and the table leaves it out. Every condition has the \`observedGeneration\` of its object.
A listener without a conflict has \`Conflicted\` False with the reason \`NoConflicts\`, which the tables leave out too.

${sections.join('\n')}`;
}

function table(rows: ReadonlyMap<string, Condition>): string {
  const lines = [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { type, status, reason, message }]) => {
      return `| ${type} | ${status} | ${reason} | ${message.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`;
    });
  return ['| condition | status | reason | message, for example |', '|---|---|---|---|', ...lines].join('\n');
}

type Found = (place: string, condition: Condition) => void;

/** Every condition below a value of a golden file, with the place that it stands in. */
function visit(value: unknown, place: string, found: Found): void {
  if (Array.isArray(value)) {
    for (const one of value) visit(one, place, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    const inner = placeOf(name, place);
    if (name === 'conditions') for (const one of conditionsIn(member)) found(place, one);
    else visit(member, inner, found);
  }
}

/** The golden files write a condition as `Type: "Status Reason: message"`. */
function conditionsIn(member: unknown): Condition[] {
  return Object.entries(member as Record<string, string>).map(([type, text]) => {
    const [, status, reason, message] = /^(\w+) (\w+)(?: @\d+)?: (.*)$/s.exec(text)!;
    return { type, status: status!, reason: reason!, message: message! };
  });
}

/** Names in the golden files lead from the object to the part of its status. */
function placeOf(name: string, place: string): string {
  if (name === 'parents') return 'route, by parent';
  if (name === 'listeners') return 'listener';
  const kind = /^(GatewayClass|Gateway|ListenerSet)\b/.exec(name)?.[1];
  const policy = /^(\w+Policy)\b/.exec(name)?.[1];
  return policy === undefined ? (kind ?? place) : `${policy}, by ancestor`;
}

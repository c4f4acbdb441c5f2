/** docs/reference/annotations.md: what carries each annotation of ingress-nginx, and whether it does what was recorded. */
import { parse } from 'yaml';
import { casesOf, families, type ParityCase } from '../../ingress/case.ts';
import { textOf } from '../tree.ts';

interface Annotation {
  class: 'S' | 'P' | 'C';
  /** null: nothing does yet. */
  carries: string | null;
  /** Why nothing does, and what somebody notices. */
  without?: string;
}

const CLASSES = { S: 'The Gateway API has it', P: 'A policy has it', C: 'Daemun has it in another way' } as const;

export function annotations(): ReadonlyMap<string, Annotation> {
  return new Map(Object.entries(parse(textOf('test/ingress/annotations.yaml')) as Record<string, Annotation>));
}

export function parityCases(): ParityCase[] {
  return families().flatMap(casesOf);
}

/** Names in cases that the table does not have. */
export function strangers(): string[] {
  const known = annotations();
  return [...new Set(parityCases().flatMap((one) => one.annotations))].filter((name) => !known.has(name));
}

export function annotationsPage(): string {
  const cases = parityCases();
  const all = [...annotations()];
  const sections = Object.entries(CLASSES).map(([letter, title]) => {
    const rows = all.filter(([, one]) => one.class === letter).map(([name, one]) => row(name, one, cases));
    return [`## ${title}`, '', '| annotation | what carries it | as recorded |', '|---|---|---|', ...rows, ''].join(
      '\n',
    );
  });
  const tried = all.filter(([name]) => cases.some((one) => one.annotations.includes(name))).length;
  const carried = all.filter(([, { carries }]) => carries !== null).length;
  return `# Annotations of ingress-nginx

What carries each \`nginx.ingress.kubernetes.io/\` annotation when the resources are written by hand, and whether requests
are answered as ingress-nginx 1.15.1 answered them. The cases are in [test/ingress/cases](../../test/ingress/cases), each
with recorded requests and answers and the resources that stand for the Ingress; \`npm test\` sends the requests, and
\`npm run docs\` writes this page. Of ${all.length} names ${carried} are carried by something, and recorded requests were sent for ${tried}.

${sections.join('\n')}`;
}

function row(name: string, { carries, without }: Annotation, cases: readonly ParityCase[]): string {
  const own = cases.filter((one) => one.annotations.includes(name));
  const reasons = own.flatMap(({ requests }) =>
    requests.flatMap(({ differs }) => (differs === undefined ? [] : [differs.why])),
  );
  const ids = own.map(({ recorded }) => recorded).join(', ');
  const but = [...new Set(reasons)].join('; ');
  const met = own.length === 0 ? '' : `${reasons.length === 0 ? 'yes' : `yes, but: ${but}`} (${ids})`;
  return `| ${name} | ${carries ?? (without === undefined ? 'nothing yet' : `nothing: ${without}`)} | ${met.replaceAll('|', '\\|')} |`;
}

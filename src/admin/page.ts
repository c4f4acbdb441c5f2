/** What a browser gets of the admin API at its root: the state in brief, and where more is. Without a script. */
import { type Faults, faultsOf, sinceOf } from './fault-age.ts';
import type { AdminParts, ListenerLine, ToldProblem } from './parts.ts';

/** Rows of a table; `/listeners` and `/status` have all. */
export const ROWS_SHOWN = 200;

/** Nothing is loaded, and no other page may show it in a frame. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
th { overflow-wrap: normal; white-space: nowrap; }
th:first-child, td:first-child { white-space: nowrap; width: 1%; }
.good { color: light-dark(#14683a, #7fd6a0); } .bad { color: light-dark(#a3121f, #ff9a9a); } .warn { color: light-dark(#7a4b00, #f0c060); }
td:last-child[data-name^=Since] { white-space: nowrap; }
@media (max-width: 40rem) {
  thead { display: none; } tr { display: block; border-bottom: 1px solid #8886; padding: .4rem 0; }
  td, td:first-child { display: block; width: auto; border: 0; padding: 0; white-space: normal; }
  td:empty { display: none; } td[data-name]::before { content: attr(data-name) ": "; opacity: .75; }
}`;

const SINCE = 'Since (UTC)';

/** What each path is for; one that is not here is not linked. */
const LINKS: ReadonlyArray<readonly [path: string, what: string]> = [
  ['/readyz?verbose', 'whether traffic may come, and each listener'],
  ['/status', 'statuses and mistakes, as daemun check -o json prints them'],
  ['/listeners', 'every listener: where it is bound, or why not'],
  ['/config', 'what the data planes were told to serve, without keys'],
  ['/graph', 'what is computed of what'],
  ['/metrics', 'metrics for Prometheus'],
];

export function overviewPage(parts: AdminParts, now: Date): string {
  const { ready, reason } = parts.readiness();
  // What is broken stands first, so that no cut of a table takes it away.
  const listeners = parts.listeners().toSorted((a, b) => Number(serves(a)) - Number(serves(b)));
  const status = parts.status?.();
  const problems = status?.diagnostics.toSorted((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
  const faults = faultsOf(status?.items ?? []);
  const { word, tone } = verdictOf(ready, listeners);
  const counts = problems && countsOf(problems);
  const ail = [...(word === 'ready' ? [] : [word]), ...(counts?.errors ? [counts.errors] : [])];
  const begun = new Date(now.getTime() - process.uptime() * 1000);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${ail.map((one) => `${one}: `).join('')}Daemun</title>
<style>${STYLE}</style>
<h1>Daemun</h1>
<p><strong class="${tone}">${word}</strong>: ${escaped(reason)}${counts === undefined ? '' : `; <a href="#mistakes">${counts.text}</a>`}</p>
<p>As of ${timeOf(now)} UTC, running since ${timeOf(begun)}; load the page again for later. <code>daemun status</code> and <code>daemun explain --admin</code> tell more.</p>
<h2>Listeners</h2>
${table(['Listener', 'Protocol', 'Hostname', 'Address'], listeners.map(listenerRow), 'No Gateway has a listener that can be served.')}
${
  problems === undefined
    ? ''
    : `<h2 id="mistakes">Mistakes</h2>\n${table(
        ['Severity', 'Object', 'What is said', SINCE],
        problems.map((one) => problemRow(one, faults)),
        'None.',
      )}`
}
<h2>More</h2>
${table(
  ['Path', 'What it has'],
  LINKS.map(([path, what]) => [`<a href="${path}">${path}</a>`, what]),
  '',
)}
</html>
`;
}

const WEIGHT: Readonly<Record<ToldProblem['severity'], number>> = { error: 0, warning: 1, info: 2 };

function serves({ state }: ListenerLine): boolean {
  return state === 'serving';
}

/** Traffic may come as soon as all is known that there is to serve: that is no word on whether it is served. */
function verdictOf(ready: boolean, listeners: readonly ListenerLine[]): { word: string; tone: string } {
  if (!ready) return { word: 'not ready', tone: 'bad' };
  if (listeners.every(serves)) return { word: 'ready', tone: 'good' };
  return listeners.some(serves) ? { word: 'ready in part', tone: 'warn' } : { word: 'serves nothing', tone: 'bad' };
}

function countsOf(problems: readonly ToldProblem[]): { errors?: string; text: string } {
  const count = (severity: ToldProblem['severity']) => problems.filter((one) => one.severity === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors + warnings === 0) return { text: 'no mistakes' };
  const told = `${errors} error${errors === 1 ? '' : 's'}`;
  const text = warnings === 0 ? told : `${told}, ${warnings} warning${warnings === 1 ? '' : 's'}`;
  return errors === 0 ? { text } : { errors: told, text };
}

function timeOf(date: Date): string {
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

type Row = readonly string[];

function listenerRow({ key, protocol = '', hostname = '', port, state, bound = [], message }: ListenerLine): Row {
  const where =
    state === 'serving'
      ? `<span class="good">${escaped(bound.join(', '))}</span>`
      : `<span class="bad">${port === undefined ? '' : `port ${port} `}${escaped(state)}${message ? `: ${escaped(message)}` : ''}</span>`;
  return [escaped(key), escaped(protocol), escaped(hostname || '*'), where];
}

function problemRow(problem: ToldProblem, faults: Faults): Row {
  const { severity, file, line, object, field, message } = problem;
  const since = sinceOf(problem, faults);
  const place = file === '' ? '' : `${file}${line > 0 ? `:${line}` : ''}`;
  const tone = severity === 'error' ? 'bad' : severity === 'warning' ? 'warn' : '';
  // Kinds without namespaces have a key with nothing between.
  const what = [object.replace('//', ' '), place, field].filter((part) => part !== '').map(escaped);
  return [
    `<span class="${tone}">${escaped(severity)}</span>`,
    what.join('<br>'),
    escaped(message),
    escaped(since?.slice(0, 19).replace('T', ' ') ?? ''),
  ];
}

/** Columns of names, which would be broken where there is room: the others are sentences, and wrap well. */
const SHARES: Readonly<Record<string, string>> = { Hostname: '25%', Object: '35%' };

/** Columns whose values do not say what they are: on a phone, where tables have no head, each stands with its name. */
const NAMED_ALONE: ReadonlySet<string> = new Set(['Protocol', 'Hostname', 'Address', SINCE]);

function table(head: readonly string[], rows: readonly Row[], none: string): string {
  if (rows.length === 0) return `<p>${none}</p>`;
  const more = rows.length - ROWS_SHOWN;
  const share = (name: string): string => (SHARES[name] ? ` style="width: ${SHARES[name]}"` : '');
  const names = head.map((name) => `<th scope="col"${share(name)}>${name}</th>`).join('');
  const cell = (text: string, at: number): string =>
    `<td${NAMED_ALONE.has(head[at]!) ? ` data-name="${head[at]}"` : ''}>${text}</td>`;
  return `<table><thead><tr>${names}</tr></thead><tbody>
${rows
  .slice(0, ROWS_SHOWN)
  .map((cells) => `<tr>${cells.map(cell).join('')}</tr>`)
  .join('\n')}
</tbody></table>${more > 0 ? `\n<p>and ${more} more</p>` : ''}`;
}

/** Names and messages hold what tenants wrote. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}

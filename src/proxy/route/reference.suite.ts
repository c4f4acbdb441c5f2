/**
 * Routing as slow and plain as it can be: a sorted list, strings, no table. What the compiled table must agree with.
 * Shares no code with it but the config types and the regular expression engine.
 */
import { RE2JS } from 're2js';
import type { HttpMatch, Listener, RouteRule, ValueMatch } from '../../config/index.ts';
import type { PlainRequest } from './plain-request.ts';

export interface ReferenceAnswer {
  rule: RouteRule;
  match: number;
}

interface Entry extends ReferenceAnswer {
  hostname: string;
  terms: HttpMatch;
}

export function referenceMatch(
  listeners: ReadonlyArray<Listener>,
  rules: ReadonlyArray<RouteRule>,
  request: PlainRequest,
): ReferenceAnswer | null {
  const host = request.host.toLowerCase();
  const hostnames = listeners.map((listener) => listener.hostname ?? '*').filter((name) => takes(name, host));
  const best = hostnames.sort(byHostname)[0];
  const chosen = new Set(listeners.filter((listener) => (listener.hostname ?? '*') === best).map(({ key }) => key));
  const entries = rules
    .flatMap((rule) => entriesOf(rule, chosen))
    .filter((entry) => takes(entry.hostname, host) && accepts(entry.terms, request))
    .sort(byPrecedence);
  return entries[0] ?? null;
}

function entriesOf(rule: RouteRule, listeners: ReadonlySet<string>): Entry[] {
  const attached = rule.attachments.filter((attachment) => listeners.has(attachment.listener));
  return attached.flatMap((attachment) =>
    attachment.hostnames.flatMap((hostname) => rule.matches.map((terms, match) => ({ rule, match, hostname, terms }))),
  );
}

function takes(hostname: string, host: string): boolean {
  if (hostname === '*') return true;
  return hostname.startsWith('*.')
    ? host.endsWith(hostname.slice(1)) && host.length >= hostname.length
    : host === hostname;
}

function byHostname(a: string, b: string): number {
  const plain = (name: string) => (name.startsWith('*') ? 0 : name.length);
  return plain(b) - plain(a) || b.length - a.length;
}

function accepts(terms: HttpMatch, request: PlainRequest): boolean {
  const [path, query] = cut(request.target, '?');
  if (terms.method !== undefined && terms.method !== request.method) return false;
  const header = (name: string) => {
    const values = request.headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
    return values.length > 0 ? values.join(',') : undefined;
  };
  const parameters = new URLSearchParams(query);
  const [, service, call, ...rest] = path.split('/');
  if (terms.call !== undefined && (!service || call !== terms.call || rest.length > 0)) return false;
  return (
    acceptsPath(terms.path, path) &&
    firsts(terms.headers, true).every((wanted) => holds(wanted, header(wanted.name))) &&
    firsts(terms.query, false).every((wanted) => holds(wanted, parameters.get(wanted.name) ?? undefined))
  );
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function acceptsPath({ type, value }: HttpMatch['path'], path: string): boolean {
  if (type === 'Exact') return path === value;
  if (type === 'RegularExpression') return RE2JS.compile(value).matches(path);
  const prefix = value.replace(/\/$/, '');
  return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
}

function firsts(wanted: ValueMatch[], fold: boolean): ValueMatch[] {
  const name = (match: ValueMatch) => (fold ? match.name.toLowerCase() : match.name);
  return wanted.filter((match, i) => !wanted.slice(0, i).some((earlier) => name(earlier) === name(match)));
}

function holds(wanted: ValueMatch, value: string | undefined): boolean {
  if (value === undefined) return false;
  return wanted.type === 'Exact' ? value === wanted.value : RE2JS.compile(wanted.value).matches(value);
}

const PATHS = ['Exact', 'RegularExpression', 'PathPrefix'];

function asked({ terms: { method, call } }: Entry): number {
  return [method, call].filter((one) => one !== undefined).length;
}

function byPrecedence(a: Entry, b: Entry): number {
  const length = ({ terms: { path } }: Entry) =>
    path.type === 'PathPrefix' ? path.value.replace(/\/$/, '').length : path.value.length;
  const age = ({ rule }: Entry) => (rule.created === '' ? Number.MAX_VALUE : Date.parse(rule.created));
  const route = ({ rule }: Entry) => `${rule.route.namespace}/${rule.route.name}`;
  return (
    byHostname(a.hostname, b.hostname) ||
    PATHS.indexOf(a.terms.path.type) - PATHS.indexOf(b.terms.path.type) ||
    length(b) - length(a) ||
    asked(b) - asked(a) ||
    firsts(b.terms.headers, true).length - firsts(a.terms.headers, true).length ||
    firsts(b.terms.query, false).length - firsts(a.terms.query, false).length ||
    age(a) - age(b) ||
    (route(a) < route(b) ? -1 : route(a) > route(b) ? 1 : 0) ||
    a.rule.index - b.rule.index ||
    a.match - b.match
  );
}

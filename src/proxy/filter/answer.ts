/** What becomes of answers, whoever gave them: lines, pages for errors, answers in the place of backends. */
import type {
  Acting,
  AnswerHeaderSettings,
  AnswerRewriteSettings,
  DirectResponseSettings,
  ErrorPageSettings,
  Replacement,
} from '../../config/index.ts';
import { Networks } from '../../value/networks.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import {
  ANSWERED,
  type AnswerScope,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type HeaderPair,
  type KeptState,
  type Verdict,
} from './filter.ts';
import { HeaderPatch } from './header-patch.ts';

export function answerHeaderFilters(
  { holds }: Acting<AnswerHeaderSettings>,
  { lines }: AnswerHeaderSettings,
): CompiledFilter[] {
  const patch = HeaderPatch.of({ set: lines, add: [], remove: [] });
  return [
    {
      type: 'AnswerHeaders',
      step: 'last-word',
      yields: holds === 'Default',
      onRequest: () => CONTINUE,
      onResponseHead(_scope, answer) {
        answer.patch(patch);
        return CONTINUE;
      },
    },
  ];
}

/**
 * What an answer says about the request and not about its body, and what its page does not take away: a browser asks for a
 * password only where it is told how, and shows a script the status only where CORS allows it.
 */
const KEPT_BESIDE_PAGES: ReadonlyArray<readonly [string, string]> = [
  'WWW-Authenticate',
  'Proxy-Authenticate',
  'Allow',
  'Retry-After',
  'RateLimit-Policy',
  'RateLimit',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Credentials',
  'Access-Control-Expose-Headers',
  'Vary',
  'X-Request-Id',
].map((line) => [line.toLowerCase(), line] as const);

export function keptBesidePage(answer: AnswerScope): HeaderPair[] {
  return KEPT_BESIDE_PAGES.flatMap(([name, line]) => answer.ownValues(name).map((value): HeaderPair => [line, value]));
}

export function errorPageFilters(
  { source, holds }: Acting<ErrorPageSettings>,
  { pages }: ErrorPageSettings,
  { counts }: PolicyState,
): CompiledFilter[] {
  const byCode = new Map(pages.toReversed().flatMap((page) => page.codes.map((code) => [code, page] as const)));
  const told = counts.counter(source, '', 'answered');
  return [
    {
      type: 'ErrorPages',
      step: 'last-word',
      yields: holds === 'Default',
      onRequest: () => CONTINUE,
      onResponseHead(_scope: KeptState, answer: AnswerScope): Verdict {
        const page = byCode.get(answer.status);
        if (page === undefined) return CONTINUE;
        told.value++;
        answer.respond(answer.status, [...keptBesidePage(answer), ['Content-Type', page.contentType]], page.body);
        return ANSWERED;
      },
    },
  ];
}

export function directResponseFilters(
  act: Acting<DirectResponseSettings>,
  settings: DirectResponseSettings,
  { counts }: PolicyState,
): CompiledFilter[] {
  return [new DirectResponseFilter(act, settings, counts.counter(act.source, '', 'answered'))];
}

class DirectResponseFilter implements CompiledFilter {
  readonly type = 'DirectResponse';
  readonly step = 'route-filters';
  readonly yields: boolean;
  readonly #settings: DirectResponseSettings;
  readonly #exempt: Networks;
  readonly #headers: HeaderPair[];
  readonly #answered: DecisionCounter;

  constructor(act: Acting<DirectResponseSettings>, settings: DirectResponseSettings, answered: DecisionCounter) {
    this.yields = act.holds === 'Default';
    this.#settings = settings;
    this.#exempt = new Networks(settings.exempt);
    this.#answered = answered;
    this.#headers = [['Content-Type', settings.contentType]];
    if (settings.retryAfter !== undefined) this.#headers.push(['Retry-After', String(settings.retryAfter)]);
  }

  onRequest(scope: FilterScope): Verdict {
    if (this.#exempt.has(scope.clientAddress)) return CONTINUE;
    scope.tell(this.#answered);
    scope.respond(this.#settings.statusCode, this.#headers, this.#settings.body);
    return ANSWERED;
  }
}

const SET_COOKIE = new Set(['set-cookie']);
const LOCATION = new Set(['location']);

export function answerRewriteFilters(
  { holds }: Acting<AnswerRewriteSettings>,
  settings: AnswerRewriteSettings,
): CompiledFilter[] {
  const { cookieDomains, cookiePaths, locations } = settings;
  const cookies = cookieDomains.length + cookiePaths.length > 0;
  return [
    {
      type: 'AnswerRewrite',
      step: 'route-filters',
      yields: holds === 'Default',
      onRequest: () => CONTINUE,
      onResponseHead(_scope: KeptState, answer: AnswerScope): Verdict {
        if (answer.local) return CONTINUE;
        const set = cookies ? answer.values('set-cookie') : [];
        if (set.length > 0) {
          const lines = set.map((value) => ({ name: 'Set-Cookie', value: rewrittenCookie(value, settings) }));
          answer.patch(new HeaderPatch(SET_COOKIE, lines));
        }
        const location = locations.length > 0 ? answer.value('location') : undefined;
        if (location !== undefined) {
          const value = replacedStart(location, locations);
          if (value !== location) answer.patch(new HeaderPatch(LOCATION, [{ name: 'Location', value }]));
        }
        return CONTINUE;
      },
    },
  ];
}

/** Attributes of a cookie that is rewritten; RFC 6265 has seven. Each may become as long as what a policy says. */
export const MAX_COOKIE_ATTRIBUTES = 32;

/** As nginx does: a domain as a whole (a dot before it says nothing), a path by how it begins. */
function rewrittenCookie(cookie: string, { cookieDomains, cookiePaths }: AnswerRewriteSettings): string {
  const [pair = '', ...attributes] = cookie.split(';');
  if (attributes.length > MAX_COOKIE_ATTRIBUTES) return cookie;
  const rewritten = attributes.map((attribute) => {
    const equals = attribute.indexOf('=');
    const name = attribute.slice(0, Math.max(equals, 0)).trim();
    const value = attribute.slice(equals + 1).trim();
    switch (name.toLowerCase()) {
      case 'domain': {
        const bare = (domain: string): string => domain.replace(/^\./, '').toLowerCase();
        const found = cookieDomains.find(({ from }) => bare(from) === bare(value));
        return found === undefined ? attribute : ` ${name}=${found.to}`;
      }
      case 'path': {
        const path = replacedStart(value, cookiePaths);
        return path === value ? attribute : ` ${name}=${path}`;
      }
      default:
        return attribute;
    }
  });
  return [pair, ...rewritten].join(';');
}

/** The first that fits is followed. */
function replacedStart(text: string, replacements: readonly Replacement[]): string {
  const found = replacements.find(({ from }) => text.startsWith(from));
  return found === undefined ? text : found.to + text.slice(found.from.length);
}

import type { CorsFilter, HeaderLine } from '../../config/index.ts';
import { FIELD_STRIDE, type Head, nameHash, sameName, VALUE_END, VALUE_START } from '../ground/head.ts';
import { ANSWERED, CONTINUE, type CompiledFilter, type FilterScope, type Verdict } from './filter.ts';
import { HeaderPatch } from './header-patch.ts';
import { AllowedOrigins } from './origin.ts';

const ORIGIN = 'origin';
const ORIGIN_HASH = nameHash(ORIGIN);
const REQUEST_METHOD = 'access-control-request-method';
const REQUEST_METHOD_HASH = nameHash(REQUEST_METHOD);
const REQUEST_HEADERS = 'access-control-request-headers';
const REQUEST_HEADERS_HASH = nameHash(REQUEST_HEADERS);

/** Tokens of RFC 9110, and lists of them: all that is ever echoed from a request. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const TOKEN_LIST = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;

/** The filter is the only voice: what a backend says about sharing its answers is dropped. */
const DROPS = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-max-age',
]);
const VARY: HeaderLine = { name: 'Vary', value: 'Origin' };

/**
 * CORS: answers preflight requests (OPTIONS with Origin and Access-Control-Request-Method) with 204, and adds the
 * response headers to actual requests. An origin that is not allowed gets the same answers without them.
 */
export class Cors implements CompiledFilter {
  readonly type = 'CORS';
  readonly step = 'cors-preflight';
  readonly #filter: CorsFilter;
  readonly #origins: AllowedOrigins;
  /** Every origin gets the same answer `*`: nothing depends on Origin. */
  readonly #open: boolean;
  readonly #expose: HeaderLine[];
  /** For requests that need no value of their own: made once. */
  readonly #refused: HeaderPatch;
  readonly #shared: HeaderPatch;
  /** The patch of the last origin; browsers of one site send the same one. */
  #lastOrigin = '';
  #lastPatch: HeaderPatch;

  constructor(filter: CorsFilter) {
    this.#filter = filter;
    this.#origins = new AllowedOrigins(filter.allowOrigins);
    this.#open = this.#origins.any && !filter.allowCredentials;
    this.#expose = exposeLines(filter);
    this.#refused = new HeaderPatch(DROPS, this.#open ? [] : [VARY]);
    this.#shared = new HeaderPatch(DROPS, [{ name: 'Access-Control-Allow-Origin', value: '*' }, ...this.#expose]);
    this.#lastPatch = this.#refused;
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    const at = head.find(ORIGIN, ORIGIN_HASH);
    if (at >= 0 && isPreflight(head)) {
      this.#answer(scope, head.value(at));
      return ANSWERED;
    }
    if (at < 0) scope.patchResponse(this.#refused);
    else scope.patchResponse(this.#open ? this.#shared : this.#patchFor(head, at));
    return CONTINUE;
  }

  #patchFor(head: Head, at: number): HeaderPatch {
    const field = at * FIELD_STRIDE;
    const known = this.#lastOrigin;
    if (known !== '' && sameName(head.fields[field + VALUE_START]!, head.fields[field + VALUE_END]!, known)) {
      return this.#lastPatch;
    }
    const origin = head.value(at);
    if (!this.#origins.allow(origin)) return this.#refused;
    const patch = new HeaderPatch(DROPS, [...this.#originLines(origin), ...this.#expose]);
    // Only lower-case origins, as browsers send them, so that comparing without case is comparing.
    if (origin === origin.toLowerCase()) {
      this.#lastOrigin = origin;
      this.#lastPatch = patch;
    }
    return patch;
  }

  #answer(scope: FilterScope, origin: string): void {
    if (!this.#origins.allow(origin)) {
      scope.respond(204, pairs([VARY]), '');
      return;
    }
    const lines = [...this.#originLines(origin)];
    const { allowMethods, allowHeaders, maxAge } = this.#filter;
    const { head } = scope;
    lines.push(...this.#allowLine('Access-Control-Allow-Methods', allowMethods, wanted(head, REQUEST_METHOD, TOKEN)));
    lines.push(
      ...this.#allowLine('Access-Control-Allow-Headers', allowHeaders, wanted(head, REQUEST_HEADERS, TOKEN_LIST)),
    );
    lines.push(...this.#expose, { name: 'Access-Control-Max-Age', value: String(maxAge) });
    scope.respond(204, pairs(lines), '');
  }

  /** Spec: a single origin, that of the request; `*` only where all are allowed without credentials. */
  #originLines(origin: string): HeaderLine[] {
    if (this.#open) return [{ name: 'Access-Control-Allow-Origin', value: '*' }];
    const lines = [{ name: 'Access-Control-Allow-Origin', value: origin }, VARY];
    if (this.#filter.allowCredentials) lines.push({ name: 'Access-Control-Allow-Credentials', value: 'true' });
    return lines;
  }

  /** Spec: with credentials `*` has no meaning to browsers, so that what the request asks for is echoed instead. */
  #allowLine(name: string, allowed: ReadonlyArray<string>, asked: string): HeaderLine[] {
    if (allowed.length === 0) return [];
    if (!allowed.includes('*')) return [{ name, value: allowed.join(', ') }];
    if (!this.#filter.allowCredentials) return [{ name, value: '*' }];
    return asked === '' ? [] : [{ name, value: asked }];
  }
}

function isPreflight(head: Head): boolean {
  return (
    sameName(head.methodStart, head.methodEnd, 'options') &&
    head.method() === 'OPTIONS' &&
    head.find(REQUEST_METHOD, REQUEST_METHOD_HASH) >= 0
  );
}

/** What the request asks to be allowed, or '' where it is not made of tokens. */
function wanted(head: Head, name: string, form: RegExp): string {
  const at = head.find(name, name === REQUEST_METHOD ? REQUEST_METHOD_HASH : REQUEST_HEADERS_HASH);
  const value = at < 0 ? '' : head.value(at);
  return form.test(value) ? value : '';
}

/** Spec: with credentials `*` cannot be used, and which headers there will be is not known yet. */
function exposeLines(filter: CorsFilter): HeaderLine[] {
  const any = filter.exposeHeaders.includes('*');
  const names = filter.exposeHeaders.filter((name) => name !== '*');
  const value = any && !filter.allowCredentials ? '*' : names.join(', ');
  return value === '' ? [] : [{ name: 'Access-Control-Expose-Headers', value }];
}

function pairs(lines: ReadonlyArray<HeaderLine>): Array<readonly [string, string]> {
  return lines.map((line) => [line.name, line.value] as const);
}

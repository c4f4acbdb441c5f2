/** A question as a request of HTTP, as nginx's auth_request asks it: the status is the answer. */
import type { ExternalAuth, HttpQuestion, SignIn } from '../../../config/index.ts';
import { headerFault } from '../../../config/index.ts';
import { parseTemplate } from '../../../value/request-template.ts';
import type { FilterScope, HeaderPair, SubRequest } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import { AnswerCache, type KeptAnswer } from './answer-cache.ts';
import { FAILED, type Inquiry, type Judgement, MAX_ANSWER_BYTES, type Question } from './question.ts';
import { ToldLines } from './request-lines.ts';
import { askedUrl, escaped, type RequestText, requestText } from './request-text.ts';

const EMPTY = Buffer.alloc(0);
const FOUND = 302;
const NO_LINES: readonly HeaderPair[] = [];
/** Lines of an answer that describe it as a message, are for clients, or name a host (spec): never for the backend. */
const OF_THE_ANSWER = /^(?:authority$|content-|date$|set-cookie$|www-authenticate$)/;

export class AskedByHttp implements Question {
  readonly withheld: HeaderPatch;
  readonly #auth: ExternalAuth;
  readonly #question: HttpQuestion;
  readonly #told: ToldLines;
  readonly #target: RequestText;
  readonly #host: RequestText;
  readonly #set: ReadonlyArray<readonly [string, RequestText]>;
  readonly #signIn: RequestText | null;
  readonly #cache: AnswerCache | null;
  readonly #toBackend: ReadonlySet<string> | null;

  /** Throws DMN_CONFIG_INVALID for templates that are none. */
  constructor(auth: ExternalAuth, question: HttpQuestion) {
    this.#auth = auth;
    this.#question = question;
    this.#told = new ToldLines(
      question.headers,
      question.set.map(({ name }) => name),
    );
    this.#target = requestText(question.target, 'URL');
    this.#host = requestText(question.host, 'Line');
    this.#set = question.set.map(({ name, value }) => [`${name}: `, requestText(value, 'Line')] as const);
    this.#signIn = question.signIn === undefined ? null : signInUrl(question.signIn);
    this.#cache = question.cache === undefined ? null : new AnswerCache(question.cache);
    const { toBackend } = question;
    this.#toBackend = toBackend === '*' ? null : new Set(toBackend);
    this.withheld = this.#toBackend === null ? HeaderPatch.NONE : new HeaderPatch(this.#toBackend, []);
  }

  about(scope: FilterScope): Inquiry {
    const signIn = this.#signIn?.(scope);
    const judge = (answer: KeptAnswer): Judgement => this.#judge(answer, signIn);
    const key = this.#cache?.keyOf(scope);
    const kept = key === undefined ? undefined : this.#cache!.get(key);
    if (kept !== undefined) return { known: judge(kept), request: unasked, judge };
    const asked = this.#asked(scope);
    return {
      request: (body) => (body === undefined ? asked : { ...asked, body }),
      judge: (answer) => {
        if (key !== undefined) this.#cache!.put(key, answer);
        return judge(answer);
      },
    };
  }

  #asked(scope: FilterScope): SubRequest {
    const { backend, timeout } = this.#auth;
    const { method } = this.#question;
    let lines = this.#told.text(scope.head);
    for (const [name, value] of this.#set) {
      const text = value(scope);
      if (text !== '') lines += `${name}${text}\r\n`;
    }
    const asked = {
      backend,
      method: method ?? scope.head.method(),
      target: this.#target(scope),
      authority: this.#host(scope),
      headers: NO_LINES,
      lines,
      timeout,
      limit: MAX_ANSWER_BYTES,
    };
    // A question in the request's own form says how long its body is, also where nothing of it goes.
    return method === undefined || method === 'POST' || method === 'PUT' ? { ...asked, body: EMPTY } : asked;
  }

  #judge(answer: KeptAnswer, signIn: string | undefined): Judgement {
    const { status, headers } = answer;
    if (this.#admits(status)) return this.#admission(headers);
    if (status === 401 && signIn !== undefined) {
      const lines = headers.filter(([name]) => /^(?:www-authenticate|set-cookie)$/i.test(name));
      return { verdict: 'refused', reply: { status: FOUND, headers: [['Location', signIn], ...lines], body: '' } };
    }
    const { refusals } = this.#question;
    const refuses = refusals === undefined ? status >= 300 && status < 500 : refusals.includes(status);
    if (!refuses) return FAILED;
    const told = headers.filter(([name]) => !/^(?:content-length|date)$/i.test(name));
    return { verdict: 'refused', reply: { status, headers: told, body: answer.body } };
  }

  #admits(status: number): boolean {
    return this.#question.admits === 'Only200' ? status === 200 : status >= 200 && status < 300;
  }

  #admission(headers: readonly HeaderPair[]): Judgement {
    const request = this.#forBackend(headers);
    const { cookies } = this.#question;
    const set = cookies === 'Never' ? [] : headers.filter(([name]) => name.toLowerCase() === 'set-cookie');
    const answer = HeaderPatch.adding(set.map(([, value]) => ({ name: 'Set-Cookie', value })));
    if (set.length === 0) return { verdict: 'admitted', request, answer: HeaderPatch.NONE };
    return cookies === 'Always'
      ? { verdict: 'admitted', request, answer }
      : { verdict: 'admitted', request, answer: HeaderPatch.NONE, success: answer };
  }

  #forBackend(headers: readonly HeaderPair[]): HeaderPatch {
    const chosen = this.#toBackend;
    if (chosen !== null && chosen.size === 0) return HeaderPatch.NONE;
    const lines: Array<{ name: string; value: string }> = [];
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      const goes = chosen === null ? !OF_THE_ANSWER.test(lower) && headerFault(lower) === undefined : chosen.has(lower);
      if (goes) lines.push({ name, value });
    }
    if (chosen === null) return new HeaderPatch(new Set(lines.map(({ name }) => name.toLowerCase())), lines);
    return lines.length === 0 ? this.withheld : new HeaderPatch(chosen, lines);
  }
}

function unasked(): never {
  throw new RangeError('the answer is known');
}

/** nginx's way: the address as it is, path and query escaped. */
function signInUrl({ url, parameter }: SignIn): RequestText {
  const text = requestText(url, 'URL');
  if (parameter === '' || hasParameter(url, parameter)) return text;
  const joint = url.includes('?') ? '&' : '?';
  return (scope) => `${text(scope)}${joint}${parameter}=${returnAddress(scope)}`;
}

function returnAddress(scope: FilterScope): string {
  const url = askedUrl(scope);
  const path = url.indexOf('/', scope.client.scheme.length + '://'.length);
  return path === -1 ? url : url.slice(0, path) + escaped(url.slice(path));
}

function hasParameter(url: string, parameter: string): boolean {
  // Places have no names of parameters in them.
  const bare = parseTemplate(url)
    .map((piece) => ('text' in piece ? piece.text : ''))
    .join('');
  const query = bare.slice(bare.indexOf('?') + 1);
  return bare.includes('?') && query.split('&').some((pair) => pair.split('=', 1)[0] === parameter);
}

/**
 * Pages for errors that a service makes: it is asked as ingress-nginx asks its default backend. The status stays, and where
 * the service does not answer, so does the answer as it was.
 */
import type { Acting, ErrorServiceSettings } from '../../config/index.ts';
import { isGrpc } from '../ground/grpc-call.ts';
import { type Head, nameHash } from '../ground/head.ts';
import type { DecisionCounter, PolicyState } from '../state/index.ts';
import { keptBesidePage } from './answer.ts';
import {
  type AnswerScope,
  CONTINUE,
  type CompiledFilter,
  type FilterScope,
  type HeaderPair,
  type KeptState,
  LATER,
  type SubAnswer,
  slot,
  type Verdict,
} from './filter.ts';
import { queryOf } from './path-modifier.ts';

/** Milliseconds for a page. */
export const ERROR_PAGE_TIMEOUT = 3_000;
/** Bytes of a page; one that is longer is none. */
export const MAX_ERROR_PAGE_BYTES: number = 256 * 1024;

const ACCEPT = nameHash('accept');
/** Lines of the service that are of its page. */
const OF_PAGE = new Set(['content-type', 'content-language', 'content-encoding', 'cache-control', 'expires']);

export function errorServiceFilters(
  act: Acting<ErrorServiceSettings>,
  settings: ErrorServiceSettings,
  state: PolicyState,
): CompiledFilter[] {
  return [new ErrorServiceFilter(act, settings, state)];
}

/** What the service is told of a request. */
interface Failing {
  scope: FilterScope;
  target: string;
  query: string;
  host: string;
  accept: string;
}

class ErrorServiceFilter implements CompiledFilter {
  readonly type = 'ErrorService';
  readonly step = 'last-word';
  readonly yields: boolean;
  readonly #byCode: ReadonlyMap<number, string>;
  readonly #told: DecisionCounter;
  readonly #failing = slot<Failing>('error page');

  constructor(
    { source, holds }: Acting<ErrorServiceSettings>,
    { services }: ErrorServiceSettings,
    { counts }: PolicyState,
  ) {
    this.yields = holds === 'Default';
    const pairs = services.toReversed().flatMap(({ codes, backend }) => codes.map((code) => [code, backend] as const));
    this.#byCode = new Map(pairs);
    this.#told = counts.counter(source, '', 'answered');
  }

  onRequest(scope: FilterScope): Verdict {
    const { head } = scope;
    // What a call of gRPC ends with stands in its trailers.
    if (isGrpc(head)) return CONTINUE;
    const accept = head.find('accept', ACCEPT);
    const query = queryOf(head);
    scope.keep(this.#failing, {
      scope,
      target: head.path() + query,
      query,
      host: authorityOf(head),
      accept: accept < 0 ? '*/*' : head.value(accept),
    });
    return CONTINUE;
  }

  onResponseHead(kept: KeptState, answer: AnswerScope): Verdict {
    const backend = this.#byCode.get(answer.status);
    const failing = backend === undefined ? undefined : kept.kept(this.#failing);
    if (backend === undefined || failing === undefined) return CONTINUE;
    const { status } = answer;
    const lines = keptBesidePage(answer);
    const waiting = answer.wait(ERROR_PAGE_TIMEOUT + 1_000);
    const request = {
      backend,
      method: 'GET',
      target: `/${failing.query}`,
      authority: failing.host,
      headers: toldOf(failing, status),
      timeout: ERROR_PAGE_TIMEOUT,
      limit: MAX_ERROR_PAGE_BYTES,
    };
    failing.scope.ask(request, (page) => {
      if ('failure' in page || !isPage(page, status)) return waiting.proceed();
      this.#told.value++;
      const own = page.headers.filter(([name]) => OF_PAGE.has(name.toLowerCase()));
      waiting.respond({ status, headers: [...lines, ...own], body: page.body });
    });
    return LATER;
  }
}

/** A service that fails by itself has made no page, unless that is the one that it was asked for. */
function isPage(page: SubAnswer, asked: number): boolean {
  return page.status < 500 || page.status === asked;
}

function toldOf({ scope, target, accept }: Failing, status: number): HeaderPair[] {
  const [, namespace = '', name = ''] = scope.route.split('/');
  const [, service = '', port = ''] = /^[^/]*\/([^:]+):(\d+)/.exec(scope.backend) ?? [];
  const lines: HeaderPair[] = [
    ['X-Code', String(status)],
    ['X-Format', accept],
    ['X-Original-URI', target],
    ['X-Namespace', namespace],
    ['X-Ingress-Name', name],
    ['X-Service-Name', service],
    ['X-Service-Port', port],
    ['X-Request-ID', scope.requestId],
    ['X-Forwarded-For', scope.clientAddress],
    ['Accept', accept],
  ];
  return lines.filter(([, value]) => value !== '');
}

function authorityOf(head: Head): string {
  return head.hostPort > 0 ? `${head.host()}:${head.hostPort}` : head.host() || 'localhost';
}
